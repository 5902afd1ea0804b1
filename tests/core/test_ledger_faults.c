/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/core/ledger/play.h"

#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <sys/wait.h>

/* ---- death of the process at any point ---- */

/* The child: plays on and says so after each step, until it is killed. */
static void play_until_killed(const char *path, int acknowledge)
{
        struct error err = ERROR_INIT;
        struct play play = {0};

        if (!play_open(&play, path, NULL, &err))
                _exit(1);
        for (;;)
                if (!play_step(&play, &err) || write(acknowledge, "", 1) != 1)
                        _exit(1);
}

/* Kills the child once it has acknowledged `count` steps; returns how many it has in the end. */
static int64_t kill_after(const char *path, int64_t count)
{
        int64_t acknowledged = 0;
        int pipe_ends[2], status;
        char byte;
        pid_t child;

        assert_int_equal(pipe(pipe_ends), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
                close(pipe_ends[0]);
                play_until_killed(path, pipe_ends[1]);
        }
        close(pipe_ends[1]);
        while (acknowledged < count && read(pipe_ends[0], &byte, 1) == 1)
                acknowledged++;
        assert_int_equal(kill(child, SIGKILL), 0);
        while (read(pipe_ends[0], &byte, 1) == 1)
                acknowledged++;
        close(pipe_ends[0]);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        return acknowledged;
}

/* What was acknowledged is there, at most the step in flight beside it, and the loop can go on from it. */
static void test_kill_at_any_point(void **state)
{
        autofree char *folder = folder_new();
        autofree char *path = memory_format("%s/ledger.db", folder);
        uint64_t random = 20260105;

        (void)state;
        for (int round = 0; round < 120; round++) {
                struct error err = ERROR_INIT;
                struct play play = {0};
                int64_t acknowledged, steps;

                random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
                acknowledged = kill_after(path, 1 + (int64_t)(random >> 33) % 60);
                play_must(play_open(&play, path, NULL, &err), &err);
                steps = path_steps(path);
                assert_in_range(steps, acknowledged, acknowledged + 1);
                play_check_unfinished(&play, steps);
                play.steps = steps;
                play.decision_id = play.intent_id = play.call_id = steps / STEPS_PER_TURN + 1;
                play_steps(&play, STEPS_PER_TURN);
                assert_int_equal(path_steps(path), steps + STEPS_PER_TURN);
                play_close(&play);
                file_remove(path);
        }
        folder_remove(folder);
}

/* ---- a disk that fails: a VFS that counts writes and syncs ---- */

struct faults {
        sqlite3_vfs vfs;
        sqlite3_vfs *base;
        int64_t left; /* writes and syncs until one fails; below 0: none does */
        int code;     /* what the failing one returns */
        bool lasting; /* so does every later one */
        int64_t failed;
};

struct faulty_file {
        sqlite3_file file;
        struct faults *faults;
        sqlite3_file *real;
};

static sqlite3_file *real(sqlite3_file *file)
{
        return ((struct faulty_file *)file)->real;
}

static int strike(sqlite3_file *file)
{
        struct faults *faults = ((struct faulty_file *)file)->faults;

        if (faults->left < 0 || --faults->left > 0)
                return SQLITE_OK;
        faults->failed++;
        faults->left = faults->lasting ? 1 : -1;
        return faults->code;
}

static int faulty_close(sqlite3_file *file)
{
        int code = real(file)->pMethods->xClose(real(file));

        free(real(file));
        return code;
}

static int faulty_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset)
{
        return real(file)->pMethods->xRead(real(file), bytes, count, offset);
}

static int faulty_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset)
{
        int code = strike(file);

        /* A full disk takes a part of it. */
        if (code != SQLITE_OK && count > 1)
                real(file)->pMethods->xWrite(real(file), bytes, count / 2, offset);
        return code != SQLITE_OK ? code : real(file)->pMethods->xWrite(real(file), bytes, count, offset);
}

static int faulty_truncate(sqlite3_file *file, sqlite3_int64 size)
{
        int code = strike(file);

        return code != SQLITE_OK ? code : real(file)->pMethods->xTruncate(real(file), size);
}

static int faulty_sync(sqlite3_file *file, int flags)
{
        int code = strike(file);

        return code != SQLITE_OK ? code : real(file)->pMethods->xSync(real(file), flags);
}

static int faulty_size(sqlite3_file *file, sqlite3_int64 *size)
{
        return real(file)->pMethods->xFileSize(real(file), size);
}

static int faulty_lock(sqlite3_file *file, int level)
{
        return real(file)->pMethods->xLock(real(file), level);
}

static int faulty_unlock(sqlite3_file *file, int level)
{
        return real(file)->pMethods->xUnlock(real(file), level);
}

static int faulty_check_lock(sqlite3_file *file, int *out)
{
        return real(file)->pMethods->xCheckReservedLock(real(file), out);
}

static int faulty_control(sqlite3_file *file, int operation, void *argument)
{
        return real(file)->pMethods->xFileControl(real(file), operation, argument);
}

static int faulty_sector_size(sqlite3_file *file)
{
        return real(file)->pMethods->xSectorSize(real(file));
}

static int faulty_characteristics(sqlite3_file *file)
{
        return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static int faulty_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
        return real(file)->pMethods->xShmMap(real(file), page, size, extend, out);
}

static int faulty_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
        return real(file)->pMethods->xShmLock(real(file), offset, count, flags);
}

static void faulty_shm_barrier(sqlite3_file *file)
{
        real(file)->pMethods->xShmBarrier(real(file));
}

static int faulty_shm_unmap(sqlite3_file *file, int remove_it)
{
        return real(file)->pMethods->xShmUnmap(real(file), remove_it);
}

static const sqlite3_io_methods faulty_methods = {
        .iVersion = 2,
        .xClose = faulty_close,
        .xRead = faulty_read,
        .xWrite = faulty_write,
        .xTruncate = faulty_truncate,
        .xSync = faulty_sync,
        .xFileSize = faulty_size,
        .xLock = faulty_lock,
        .xUnlock = faulty_unlock,
        .xCheckReservedLock = faulty_check_lock,
        .xFileControl = faulty_control,
        .xSectorSize = faulty_sector_size,
        .xDeviceCharacteristics = faulty_characteristics,
        .xShmMap = faulty_shm_map,
        .xShmLock = faulty_shm_lock,
        .xShmBarrier = faulty_shm_barrier,
        .xShmUnmap = faulty_shm_unmap,
};

static int faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
        struct faulty_file *faulty = (struct faulty_file *)file;
        struct faults *faults = vfs->pAppData;
        int code;

        faulty->faults = faults;
        faulty->real = memory_new(1, (size_t)faults->base->szOsFile);
        code = faults->base->xOpen(faults->base, name, faulty->real, flags, out_flags);
        if (code != SQLITE_OK) {
                free(faulty->real);
                file->pMethods = NULL;
                return code;
        }
        file->pMethods = &faulty_methods;
        return SQLITE_OK;
}

static void faults_register(struct faults *faults)
{
        faults->base = sqlite3_vfs_find(NULL);
        faults->vfs = *faults->base;
        faults->vfs.zName = "faulty";
        faults->vfs.szOsFile = sizeof(struct faulty_file);
        faults->vfs.xOpen = faulty_open;
        faults->vfs.pAppData = faults;
        faults->left = -1;
        assert_int_equal(sqlite3_vfs_register(&faults->vfs, 0), SQLITE_OK);
}

static void check_failure(const struct faults *faults, const struct error *err)
{
        assert_int_equal(err->code, ERROR_IO);
        assert_true(err->retry);
        assert_non_null(strstr(err->message, "ledger.db: "));
        if ((faults->code & 0xff) == SQLITE_FULL)
                assert_non_null(strstr(err->message, "the disk is full"));
}

/* Opens, and when that fails once more with the disk mended. */
static void open_in_spite(struct play *play, const char *path, struct faults *faults)
{
        struct error err = ERROR_INIT;

        if (play_open(play, path, "faulty", &err))
                return;
        check_failure(faults, &err);
        faults->left = -1;
        error_clear(&err);
        play_must(play_open(play, path, "faulty", &err), &err);
}

static void steps_in_spite(struct play *play, const char *path, struct faults *faults, int64_t count)
{
        for (int64_t i = 0; i < count; i++) {
                struct error err = ERROR_INIT;

                if (play_step(play, &err))
                        continue;
                check_failure(faults, &err);
                assert_int_equal(path_steps(path), play->steps);
                faults->left = -1;
                error_clear(&err);
                play_must(play_step(play, &err), &err);
        }
}

/* The whole life of a ledger with the nth write or sync failing; false once there was no nth. */
static bool live_with_fault(const char *path, struct faults *faults, int64_t nth, int code, bool lasting,
                            const char *begin_with)
{
        struct play play = {0};
        sqlite3 *file;

        file_remove(path);
        if (begin_with)
                file_from_sql(path, begin_with);
        faults->failed = 0;
        faults->left = nth;
        faults->code = code;
        faults->lasting = lasting;
        open_in_spite(&play, path, faults);
        if (!begin_with)
                steps_in_spite(&play, path, faults, 2 * STEPS_PER_TURN + INTENDED + 1);
        play_close(&play);
        faults->left = -1;
        file = file_open(path);
        if (!begin_with)
                assert_int_equal(file_steps(file), play.steps);
        assert_int_equal(file_integer(file, "SELECT max(version) FROM migrations"), 5);
        sqlite3_close(file);
        return faults->failed > 0;
}

static void fail_every_write(const char *begin_with, int64_t at_least)
{
        static const int codes[] = {SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC};
        autofree char *folder = folder_new();
        autofree char *path = memory_format("%s/ledger.db", folder);
        struct faults faults = {0};
        int64_t nth = 0;

        faults_register(&faults);
        for (size_t i = 0; i < ARRAY_LENGTH(codes) * 2; i++) {
                for (nth = 1; live_with_fault(path, &faults, nth, codes[i / 2], i % 2, begin_with); nth++)
                        continue;
                assert_true(nth > at_least);
        }
        print_message("each of %lld writes and syncs failed in %zu ways\n", (long long)nth - 1,
                      ARRAY_LENGTH(codes) * 2);
        sqlite3_vfs_unregister(&faults.vfs);
        folder_remove(folder);
}

static void test_every_write_fails_once(void **state)
{
        (void)state;
        fail_every_write(NULL, 100);
}

static void test_every_write_of_a_migration_fails_once(void **state)
{
        (void)state;
        fail_every_write("tests/core/ledger/version-1.sql", 10);
}

/* ---- damage ---- */

static int64_t count_set_aside(const char *folder)
{
        autofree char *pattern = memory_format("%s/ledger.db.corrupt-????????T??????*Z", folder);
        glob_t found;
        int64_t count;

        if (glob(pattern, 0, NULL, &found) != 0)
                return 0;
        count = (int64_t)found.gl_pathc;
        globfree(&found);
        return count;
}

/* SQLite finds the damage in the middle of an action: it goes on in a new file that knows of it. */
static void test_damage_in_the_middle_of_an_action(void **state)
{
        autofree char *folder = folder_new();
        autofree char *path = memory_format("%s/ledger.db", folder);
        struct faults faults = {0};

        (void)state;
        faults_register(&faults);
        for (enum step step = CALLED; step <= SPENT; step++) {
                struct error err = ERROR_INIT;
                struct play play = {0};
                struct intent intent;
                bool found;

                play_must(play_open(&play, path, "faulty", &err), &err);
                play_steps(&play, STEPS_PER_TURN + step);
                faults.code = SQLITE_CORRUPT;
                faults.left = 1;
                play_steps(&play, 1);
                assert_int_equal(faults.left, -1);
                assert_int_equal(count_set_aside(folder), step - CALLED + 1);
                play_must(play.journal.unfinished(play.journal.context, &intent, &found, &err), &err);
                assert_int_equal(found, step < ENDED);
                if (found) {
                        assert_int_equal(intent.id, 2);
                        assert_int_equal(intent.applied, step >= APPLIED);
                }
                play_steps(&play, 2 * STEPS_PER_TURN);
                sqlite3_close(file_open(path));
                play_close(&play);
                file_remove(path);
        }
        sqlite3_vfs_unregister(&faults.vfs);
        folder_remove(folder);
}

static void remove_all(const char *path)
{
        static const char *const suffixes[] = {"", "-wal", "-shm", "-lock"};

        for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++) {
                autofree char *name = memory_format("%s%s", path, suffixes[i]);

                (void)unlink(name);
        }
}

/* Somebody removes it all in the middle of an action: what is under way goes into a new one, with a lock of
 * its own. */
static void test_removed_in_the_middle_of_an_action(void **state)
{
        autofree char *folder = folder_new();
        autofree char *path = memory_format("%s/ledger.db", folder);

        (void)state;
        for (enum step step = CALLED; step <= SPENT; step++) {
                struct error err = ERROR_INIT;
                struct play play = {0}, other = {0};
                struct intent intent;
                bool found;

                play_must(play_open(&play, path, NULL, &err), &err);
                play_steps(&play, STEPS_PER_TURN + step);
                remove_all(path);
                play_steps(&play, 1);
                assert_false(play_open(&other, path, NULL, &err));
                assert_string_equal(err.reason, "LedgerInUse");
                play_must(play.journal.unfinished(play.journal.context, &intent, &found, &err), &err);
                assert_int_equal(found, step < ENDED);
                if (found)
                        assert_int_equal(intent.id, 2);
                play_steps(&play, 2 * STEPS_PER_TURN);
                sqlite3_close(file_open(path));
                play_close(&play);
                file_remove(path);
        }
        folder_remove(folder);
}

/* It has begun a new one by the time that we look: nothing is written any more, theirs stays whole. */
static void test_removed_and_taken_by_another(void **state)
{
        autofree char *folder = folder_new();
        autofree char *path = memory_format("%s/ledger.db", folder);
        struct play play = {0}, other = {0};
        struct observation seen = {0};
        struct error err = ERROR_INIT;

        (void)state;
        play_must(play_open(&play, path, NULL, &err), &err);
        play_steps(&play, STEPS_PER_TURN);
        remove_all(path);
        play_must(play_open(&other, path, NULL, &err), &err);
        assert_false(play.journal.observation(play.journal.context, &seen, &err));
        assert_string_equal(err.reason, "LedgerInUse");
        play_steps(&other, STEPS_PER_TURN);
        play_close(&play);
        play_steps(&other, STEPS_PER_TURN);
        play_close(&other);
        play_must(play_open(&other, path, NULL, &err), &err);
        play_close(&other);
        assert_int_equal(count_set_aside(folder), 0);
        folder_remove(folder);
}

/* Another ledger is put in its place, beside the log of what was written to ours: none of that goes into
 * theirs, and all of it into ours, wherever that is now. */
static void test_replaced_by_another_ledger(void **state)
{
        autofree char *folder = folder_new();
        autofree char *path = memory_format("%s/ledger.db", folder);
        autofree char *other_path = memory_format("%s/other.db", folder);
        autofree char *old_path = memory_format("%s/old.db", folder);
        struct play play = {0}, other = {0};
        struct observation seen = {0};
        struct error err = ERROR_INIT;
        sqlite3 *file;

        (void)state;
        play_must(play_open(&other, other_path, NULL, &err), &err);
        play_steps(&other, 40 * STEPS_PER_TURN);
        play_close(&other);
        play_must(play_open(&play, path, NULL, &err), &err);
        play_steps(&play, 3 * STEPS_PER_TURN);
        assert_int_equal(rename(path, old_path), 0);
        assert_int_equal(rename(other_path, path), 0);
        play_must(play.journal.observation(play.journal.context, &seen, &err), &err);
        play_close(&play);
        assert_int_equal(count_set_aside(folder), 0);
        file = file_open(path);
        assert_int_equal(file_integer(file, "SELECT count(*) FROM observations"), 41);
        sqlite3_close(file);
        assert_int_equal(path_steps(old_path), 3 * STEPS_PER_TURN);
        file_remove(other_path);
        file_remove(old_path);
        file_remove(path);
        folder_remove(folder);
}

static void continue_play(struct play *play, const char *path)
{
        struct error err = ERROR_INIT;

        play_must(play_open(play, path, NULL, &err), &err);
        play->steps = STEPS_PER_TURN;
        play->decision_id = play->intent_id = play->call_id = 2;
}

/* Another optctl, which says when it has written, and goes on once it is told to. */
static void play_beside(const char *path, int told, int tell)
{
        struct play play = {0};
        char byte;

        continue_play(&play, path);
        play_steps(&play, 200 * STEPS_PER_TURN); /* so many that SQLite moves them out of its log */
        if (write(tell, "", 1) != 1 || read(told, &byte, 1) != 1)
                _exit(1);
        play_steps(&play, STEPS_PER_TURN);
        play_close(&play);
        _exit(0);
}

/* By its new name it was opened before we looked: what is written there stays. */
static void test_moved_and_opened_by_another(void **state)
{
        autofree char *folder = folder_new();
        autofree char *path = memory_format("%s/ledger.db", folder);
        autofree char *moved_path = memory_format("%s/moved.db", folder);
        struct observation seen = {0};
        struct play play = {0};
        struct error err = ERROR_INIT;
        int there[2], back[2], status;
        pid_t child;
        char byte;

        (void)state;
        play_must(play_open(&play, path, NULL, &err), &err);
        play_steps(&play, STEPS_PER_TURN);
        play_close(&play);
        assert_true(pipe(there) == 0 && pipe(back) == 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
                if (read(there[0], &byte, 1) == 1)
                        play_beside(moved_path, there[0], back[1]);
                _exit(1);
        }
        close(there[0]);
        close(back[1]); /* should it die, its word is not waited for */
        continue_play(&play, path);
        play_steps(&play, STEPS_PER_TURN);
        assert_int_equal(rename(path, moved_path), 0);
        assert_true(write(there[1], "", 1) == 1 && read(back[0], &byte, 1) == 1);
        play_must(play.journal.observation(play.journal.context, &seen, &err), &err);
        play_close(&play);
        assert_true(write(there[1], "", 1) == 1);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        assert_int_equal(path_steps(moved_path), 202 * STEPS_PER_TURN);
        close(there[1]);
        close(back[0]);
        remove_all(path);
        remove_all(moved_path);
        folder_remove(folder);
}

/* It moves to another disk, or folder, and a link is left where it was: the lock moves, too. */
static void test_moved_behind_a_link(void **state)
{
        autofree char *folder = folder_new();
        autofree char *path = memory_format("%s/ledger.db", folder);
        autofree char *moved_path = memory_format("%s/moved.db", folder);

        (void)state;
        for (int copied = 0; copied < 2; copied++) {
                struct play play = {0}, other = {0};
                struct error err = ERROR_INIT;

                play_must(play_open(&play, path, NULL, &err), &err);
                play_steps(&play, STEPS_PER_TURN);
                if (copied)
                        remove_all(path);
                else
                        assert_int_equal(rename(path, moved_path), 0);
                assert_int_equal(symlink("moved.db", path), 0);
                play_steps(&play, STEPS_PER_TURN);
                assert_false(play_open(&other, path, NULL, &err));
                assert_string_equal(err.reason, "LedgerInUse");
                play_close(&play);
                assert_int_equal(path_steps(moved_path), copied ? STEPS_PER_TURN : 2 * STEPS_PER_TURN);
                remove_all(path);
                remove_all(moved_path);
        }
        folder_remove(folder);
}

/* The new file knows of a pause, too. */
static void test_damage_while_paused(void **state)
{
        autofree char *folder = folder_new();
        autofree char *path = memory_format("%s/ledger.db", folder);
        struct journal_standing standing = {0};
        struct error err = ERROR_INIT;
        struct faults faults = {0};
        struct play play = {0};

        (void)state;
        faults_register(&faults);
        play_must(play_open(&play, path, "faulty", &err), &err);
        play_steps(&play, STEPS_PER_TURN);
        play_must(play.journal.pause(play.journal.context, PLAY_START_MS, true, "freeze", &err), &err);
        faults.code = SQLITE_CORRUPT;
        faults.left = 1;
        play_steps(&play, 1);
        assert_int_equal(count_set_aside(folder), 1);
        play_close(&play);
        play_must(play_open(&play, path, "faulty", &err), &err);
        play_must(play.journal.standing(play.journal.context, &standing, &err), &err);
        assert_true(standing.paused);
        assert_string_equal(standing.pause_reason, "freeze");
        play_close(&play);
        sqlite3_vfs_unregister(&faults.vfs);
        folder_remove(folder);
}

static void write_bytes(const char *path, const char *bytes, size_t length)
{
        struct error err = ERROR_INIT;

        play_must(text_write_file(path, bytes, length, &err), &err);
}

static char *read_bytes(const char *path, size_t *ret_length)
{
        struct error err = ERROR_INIT;
        char *bytes = NULL;

        play_must(text_read_file(path, 16 << 20, &bytes, ret_length, &err), &err);
        return bytes;
}

#define SECTOR 512

static void garble(char *bytes, size_t at, size_t length, uint64_t random)
{
        for (size_t i = at; i < at + SECTOR && i < length; i++) {
                random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
                bytes[i] = (char)(random >> 56);
        }
}

struct files {
        char *database, *log;
        size_t database_length, log_length;
};

/* As the machine's death leaves them: `kept` steps in the database, `torn` more in the log of writes alone.
 */
static struct files make_files(const char *path, int64_t kept, int64_t torn)
{
        autofree char *log_path = memory_format("%s-wal", path);
        struct error err = ERROR_INIT;
        struct play play = {0};
        struct files files;
        sqlite3 *file;

        play_must(play_open(&play, path, NULL, &err), &err);
        play_steps(&play, kept);
        file = file_open(path);
        assert_int_equal(sqlite3_exec(file, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL), SQLITE_OK);
        play_steps(&play, torn);
        files.database = read_bytes(path, &files.database_length);
        files.log = read_bytes(log_path, &files.log_length);
        sqlite3_close(file);
        play_close(&play);
        assert_true(files.log_length > 0);
        return files;
}

static void lay_out(const char *path, const char *database, size_t database_length, const char *log,
                    size_t log_length)
{
        autofree char *log_path = memory_format("%s-wal", path);
        autofree char *index_path = memory_format("%s-shm", path);

        unlink(index_path);
        write_bytes(path, database, database_length);
        write_bytes(log_path, log, log_length);
}

/* Opens, holds a beginning of the play with at least what was in the database, and goes on. */
static void check_survives(const char *path, int64_t at_least, int64_t at_most)
{
        struct error err = ERROR_INIT;
        struct play play = {0};
        int64_t steps;

        play_must(play_open(&play, path, NULL, &err), &err);
        steps = path_steps(path);
        assert_in_range(steps, at_least, at_most);
        play_check_unfinished(&play, steps);
        play.steps = steps;
        play.decision_id = play.intent_id = play.call_id = steps / STEPS_PER_TURN + 1;
        play_steps(&play, 1);
        play_close(&play);
}

static void test_a_torn_log_of_writes(void **state)
{
        autofree char *folder = folder_new();
        autofree char *path = memory_format("%s/ledger.db", folder);
        const int64_t kept = STEPS_PER_TURN + CALLED, torn = STEPS_PER_TURN;
        struct files files = make_files(path, kept, torn);
        int64_t last = kept;

        (void)state;
        for (size_t at = 0; at <= files.log_length; at += SECTOR) {
                autofree char *garbled = memory_new(files.log_length, 1);

                lay_out(path, files.database, files.database_length, files.log, at);
                check_survives(path, last, kept + torn);
                memcpy(garbled, files.log, files.log_length);
                garble(garbled, at, files.log_length, at);
                lay_out(path, files.database, files.database_length, garbled, files.log_length);
                check_survives(path, kept, kept + torn);
        }
        lay_out(path, files.database, files.database_length, files.log, files.log_length);
        check_survives(path, kept + torn, kept + torn);
        assert_int_equal(count_set_aside(folder), 0);
        print_message("%zu bytes of log torn at every %d\n", files.log_length, SECTOR);
        free(files.database);
        free(files.log);
        folder_remove(folder);
}

/* Whatever sector of the database is lost: it opens, or is set aside, and is written to again. */
static void test_a_damaged_database(void **state)
{
        autofree char *folder = folder_new();
        autofree char *path = memory_format("%s/ledger.db", folder);
        struct files files = make_files(path, 5 * STEPS_PER_TURN, 1);
        int64_t sectors = 0;

        (void)state;
        for (size_t at = 0; at < files.database_length; at += SECTOR, sectors++) {
                autofree char *garbled = memory_new(files.database_length, 1);
                struct error err = ERROR_INIT;
                struct play play = {0};

                memcpy(garbled, files.database, files.database_length);
                garble(garbled, at, files.database_length, at);
                lay_out(path, garbled, files.database_length, "", 0);
                play_must(play_open(&play, path, NULL, &err), &err);
                play_steps(&play, 2 * STEPS_PER_TURN);
                play_close(&play);
        }
        print_message("%lld sectors, %lld set aside\n", (long long)sectors,
                      (long long)count_set_aside(folder));
        assert_true(count_set_aside(folder) > 0);
        free(files.database);
        free(files.log);
        folder_remove(folder);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_kill_at_any_point),
                cmocka_unit_test(test_every_write_fails_once),
                cmocka_unit_test(test_every_write_of_a_migration_fails_once),
                cmocka_unit_test(test_damage_in_the_middle_of_an_action),
                cmocka_unit_test(test_damage_while_paused),
                cmocka_unit_test(test_removed_in_the_middle_of_an_action),
                cmocka_unit_test(test_removed_and_taken_by_another),
                cmocka_unit_test(test_replaced_by_another_ledger),
                cmocka_unit_test(test_moved_and_opened_by_another),
                cmocka_unit_test(test_moved_behind_a_link),
                cmocka_unit_test(test_a_torn_log_of_writes),
                cmocka_unit_test(test_a_damaged_database),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
