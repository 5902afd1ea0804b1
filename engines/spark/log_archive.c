/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/spark/log_archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "core/memory.h"
#include "core/text.h"
#include "engines/spark/log_codec.h"

#define MAX_MEMBERS   20000
#define MAX_NAME      512
#define PIECE_BYTES   (64 << 10)
#define HEADER_BYTES  30
#define MEMBER_MAGIC  "PK\003\004"
#define LENGTHS_MAGIC "PK\007\010" /* behind a member's data; may be left out */
#define MAGIC_BYTES   4

enum { FLAG_SECRET = 1, FLAG_LENGTHS_BEHIND = 8, METHOD_DEFLATED = 8 };

struct archive {
        struct spark_log_file file;
        const char *folder;
        int64_t left;   /* bytes that may still be unpacked */
        char *log;      /* the one that was found; NULL: none yet */
        size_t members; /* so far */
};

struct member {
        unsigned flags, method;
        char name[MAX_NAME + 1];
        uint32_t check; /* CRC-32 of what was unpacked */
};

static bool damaged(struct error *err, const char *what)
{
        return error_set(err, ERROR_INPUT, NULL, "%s", what);
}

static uint32_t number_at(const char *at, int bytes)
{
        uint32_t number = 0;

        for (int i = bytes - 1; i >= 0; i--)
                number = number << 8 | (unsigned char)at[i];
        return number;
}

/* So many bytes at the front, which are left there. */
static bool front(struct archive *archive, size_t count, const char **ret_at, struct error *err)
{
        size_t there;

        if (!spark_log_file_need(&archive->file, count, &there, err))
                return false;
        *ret_at = archive->file.bytes + archive->file.start;
        return there >= count || damaged(err, "the archive ends half-way");
}

static void step(struct archive *archive, size_t count)
{
        archive->file.start += count;
}

/* ---- names ---- */

/* A file, or one in a folder; nothing that leads elsewhere. */
static bool check_name(const char *name, struct error *err)
{
        const char *slash = strchr(name, '/');

        if (name[0] == '\0' || name[0] == '/' || name[0] == '.' || (slash && slash[1] == '.') ||
            (slash && strchr(slash + 1, '/')))
                return damaged(err, "a name that no event log has");
        return true;
}

/* The log that a member is of: itself, or its folder. */
static bool note_log(struct archive *archive, const char *name, struct error *err)
{
        autofree char *log = memory_format("%s/%.*s", archive->folder, (int)strcspn(name, "/"), name);

        if (archive->log && strcmp(archive->log, log) != 0)
                return damaged(err, "it holds more than one event log");
        if (!archive->log)
                archive->log = TAKE(log);
        return true;
}

static bool make_folder(const char *path, struct error *err)
{
        return mkdir(path, 0700) == 0 || errno == EEXIST || error_errno(err, errno, "%s", path);
}

/* *ret_descriptor is -1 for a folder. */
static bool make_member(struct archive *archive, const char *name, int *ret_descriptor, struct error *err)
{
        autofree char *place = memory_format("%s/%s", archive->folder, name);
        const char *slash = strchr(name, '/');

        if (!check_name(name, err) || !note_log(archive, name, err))
                return false;
        *ret_descriptor = -1;
        if (slash && !make_folder(archive->log, err))
                return false;
        if (slash && !slash[1])
                return true;
        *ret_descriptor = open(place, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        return *ret_descriptor >= 0 || error_errno(err, errno, "%s", place);
}

/* ---- data ---- */

static bool put_out(struct archive *archive, struct member *member, int descriptor, const char *bytes,
                    size_t length, struct error *err)
{
        member->check = (uint32_t)crc32(member->check, (const Bytef *)bytes, (uInt)length);
        archive->left -= (int64_t)length;
        if (archive->left < 0)
                return error_set(err, ERROR_LIMIT, NULL, "the event log is larger than is accepted");
        while (length > 0) {
                ssize_t put = descriptor < 0 ? (ssize_t)length : write(descriptor, bytes, length);

                if (put < 0 && errno == EINTR)
                        continue;
                if (put < 0)
                        return error_errno(err, errno, "%s", member->name);
                bytes += put;
                length -= (size_t)put;
        }
        return true;
}

static bool inflate_all(struct archive *archive, struct member *member, int descriptor, z_stream *stream,
                        struct error *err)
{
        char out[PIECE_BYTES];
        int status = Z_OK;

        while (status != Z_STREAM_END) {
                const char *at;
                size_t there;

                if (!front(archive, 1, &at, err))
                        return false;
                there = archive->file.end - archive->file.start;
                stream->next_in = (Bytef *)(uintptr_t)at;
                stream->avail_in = (uInt)there;
                stream->next_out = (Bytef *)out;
                stream->avail_out = sizeof out;
                status = inflate(stream, Z_NO_FLUSH);
                if (status != Z_OK && status != Z_STREAM_END)
                        return damaged(err, "the archive is damaged");
                step(archive, there - stream->avail_in);
                if (!put_out(archive, member, descriptor, out, sizeof out - stream->avail_out, err))
                        return false;
        }
        return true;
}

static bool unpack_data(struct archive *archive, struct member *member, int descriptor, struct error *err)
{
        z_stream stream = {0};
        bool done;

        if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
                return error_set(err, ERROR_IO, NULL, "zlib cannot be used");
        done = inflate_all(archive, member, descriptor, &stream, err);
        inflateEnd(&stream);
        return done;
}

/* Check sum and lengths, of four bytes each, or eight where one of them is too large for that. */
static bool read_lengths(struct archive *archive, const struct member *member, struct error *err)
{
        const size_t narrow = 12, wide = 20;
        const char *at;
        bool is_wide;

        if (!front(archive, MAGIC_BYTES, &at, err))
                return false;
        if (memcmp(at, LENGTHS_MAGIC, MAGIC_BYTES) == 0)
                step(archive, MAGIC_BYTES);
        if (!front(archive, narrow + MAGIC_BYTES, &at, err))
                return false;
        if (number_at(at, 4) != member->check)
                return damaged(err, "a file in the archive is damaged");
        /* What comes next begins with letters. */
        is_wide = memcmp(at + narrow, "PK", 2) != 0;
        if (is_wide && !front(archive, wide, &at, err))
                return false;
        step(archive, is_wide ? wide : narrow);
        return true;
}

/* ---- members ---- */

/* *ret_more is false behind the last one. */
static bool read_header(struct archive *archive, struct member *ret_member, bool *ret_more, struct error *err)
{
        struct member member = {.check = 0};
        size_t name, extra;
        const char *at;

        if (!front(archive, MAGIC_BYTES, &at, err))
                return false;
        *ret_more = memcmp(at, MEMBER_MAGIC, MAGIC_BYTES) == 0;
        if (!*ret_more)
                return archive->members > 0 || damaged(err, "not an archive");
        if (!front(archive, HEADER_BYTES, &at, err))
                return false;
        member.flags = number_at(at + 6, 2);
        member.method = number_at(at + 8, 2);
        name = number_at(at + 26, 2);
        extra = number_at(at + 28, 2);
        if (name > MAX_NAME || (member.flags & FLAG_SECRET) || !(member.flags & FLAG_LENGTHS_BEHIND) ||
            member.method != METHOD_DEFLATED)
                return damaged(err, "not an archive of a History Server");
        step(archive, HEADER_BYTES);
        if (!front(archive, name + extra, &at, err))
                return false;
        memcpy(member.name, at, name);
        step(archive, name + extra);
        *ret_member = member;
        return strlen(member.name) == name || damaged(err, "a name that no event log has");
}

static bool unpack_member(struct archive *archive, bool *ret_more, struct error *err)
{
        struct member member;
        int descriptor;
        bool done;

        if (!read_header(archive, &member, ret_more, err))
                return false;
        if (!*ret_more)
                return true;
        if (archive->members++ >= MAX_MEMBERS)
                return error_set(err, ERROR_LIMIT, NULL, "it holds more than %d files", MAX_MEMBERS);
        if (!make_member(archive, member.name, &descriptor, err))
                return false;
        done = unpack_data(archive, &member, descriptor, err) && read_lengths(archive, &member, err);
        if (descriptor >= 0 && close(descriptor) != 0 && done)
                done = error_errno(err, errno, "%s", member.name);
        return done;
}

static bool unpack_all(struct archive *archive, struct error *err)
{
        bool more = true;

        while (more)
                if (!unpack_member(archive, &more, err))
                        return false;
        return true;
}

bool spark_log_archive_unpack(const char *path, const char *folder, int64_t cap, char **ret_log,
                              struct error *err)
{
        struct archive archive = {.folder = folder, .left = cap};
        bool done;

        archive.file.descriptor = open(path, O_RDONLY | O_CLOEXEC);
        if (archive.file.descriptor < 0)
                return text_read_error(path, errno, err);
        done = unpack_all(&archive, err);
        close(archive.file.descriptor);
        free(archive.file.bytes);
        if (done)
                *ret_log = TAKE(archive.log);
        free(archive.log);
        return done;
}
