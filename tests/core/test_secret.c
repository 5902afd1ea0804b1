/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Secrets: read, rotated, masked, not dumped. Base64 by RFC 4648, percent-encoding by RFC 3986, both from
 * coreutils' base64 and curl, which are not ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/redact.h"
#include "core/secret.h"
#include "core/text.h"
#include "tests/support/scratch.h"

static void expect_text(struct secret *secret, const char *expected)
{
        struct error err = ERROR_INIT;
        const char *text;

        if (!secret_text(secret, &text, &err))
                fail_msg("%s", err.message);
        assert_string_equal(text, expected);
}

static void test_text_is_that_of_the_file(void **state)
{
        struct scratch scratch = scratch_open();
        autocall(secret_free) struct secret *secret = secret_new("token", scratch.folder);

        (void)state;
        scratch_write(&scratch, "token", "\n \t open sesame!\xc3\xa4 \r\n\n");
        expect_text(secret, "open sesame!\xc3\xa4");
        expect_text(secret, "open sesame!\xc3\xa4");
        scratch_close(&scratch);
}

/* Kubernetes swaps a symbolic link to a folder; editors rename; scripts write in place. */
static void test_a_replaced_file_is_read_again(void **state)
{
        struct scratch scratch = scratch_open();
        autocall(secret_free) struct secret *secret = secret_new("data/token", scratch.folder);
        struct error err = ERROR_INIT;
        const char *text;

        (void)state;
        scratch_folder(&scratch, "v1");
        scratch_folder(&scratch, "v2");
        scratch_write(&scratch, "v1/token", "first-secret");
        scratch_write(&scratch, "v2/token", "other-secret");
        scratch_link(&scratch, "v1", "data");
        expect_text(secret, "first-secret");
        scratch_link(&scratch, "v2", "data");
        expect_text(secret, "other-secret");
        scratch_write(&scratch, "v2/token", "written in place");
        expect_text(secret, "written in place");
        scratch_remove(&scratch, "data");
        assert_false(secret_text(secret, &text, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        scratch_link(&scratch, "v1", "data");
        expect_text(secret, "first-secret");
        scratch_close(&scratch);
}

/* A file that was written to within the resolution of its times, with the same size, looks the same. */
static void test_renewing_reads_in_any_case(void **state)
{
        struct scratch scratch = scratch_open();
        autocall(secret_free) struct secret *secret = secret_new("token", scratch.folder);
        struct error err = ERROR_INIT;
        bool changed = false;

        (void)state;
        scratch_write(&scratch, "token", "first-secret");
        assert_true(secret_renew(secret, &changed, &err));
        assert_true(changed);
        assert_true(secret_renew(secret, &changed, &err));
        assert_false(changed);
        scratch_write(&scratch, "token", "other-secret");
        assert_true(secret_renew(secret, &changed, &err));
        assert_true(changed);
        expect_text(secret, "other-secret");
        scratch_close(&scratch);
}

static void expect_refused(struct scratch *scratch, const char *name, const char *words)
{
        autocall(secret_free) struct secret *secret = secret_new(name, scratch->folder);
        struct error err = ERROR_INIT;
        const char *text = "untouched";

        assert_false(secret_text(secret, &text, &err));
        assert_string_equal(text, "untouched");
        assert_int_equal(err.code, ERROR_INPUT);
        if (!strstr(err.message, words) || !strstr(err.message, name))
                fail_msg("\"%s\" does not say \"%s\"", err.message, words);
}

static void test_what_is_no_secret_is_refused(void **state)
{
        struct scratch scratch = scratch_open();
        autofree char *large = memory_new(65538, 1);
        autofree char *pipe = scratch_path(&scratch, "pipe");

        (void)state;
        memset(large, 'x', 65537);
        scratch_write(&scratch, "large", large);
        large[65536] = '\0';
        scratch_write(&scratch, "just", large);
        scratch_write(&scratch, "empty", " \n\t ");
        scratch_write(&scratch, "key", "-----BEGIN\nabc\n-----END\n");
        scratch_folder(&scratch, "folder");
        assert_int_equal(mkfifo(pipe, 0600), 0);
        expect_refused(&scratch, "missing", "No such file");
        expect_refused(&scratch, "large", "longer than the 64 KiB");
        expect_refused(&scratch, "empty", "is empty");
        expect_refused(&scratch, "key", "control character");
        expect_refused(&scratch, "folder", "not a file");
        expect_refused(&scratch, "pipe", "not a file");
        {
                autocall(secret_free) struct secret *just = secret_new("just", scratch.folder);

                expect_text(just, large);
        }
        scratch_close(&scratch);
}

static void expect_masked(const char *text, const char *expected)
{
        autofree char *clean = redact_text(text);

        assert_string_equal(clean, expected);
}

static void test_known_text_is_masked_in_every_form(void **state)
{
        (void)state;
        redact_learn("p\xc3\xa4ss/w\"rd+1");
        expect_masked("it is p\xc3\xa4ss/w\"rd+1, twice p\xc3\xa4ss/w\"rd+1", "it is ***, twice ***");
        /* curl --data-urlencode, and what Java makes of it. */
        expect_masked("GET /?q=p%C3%A4ss%2Fw%22rd%2B1&x", "GET /?q=***&x");
        expect_masked("GET /?q=p%c3%a4ss%2fw%22rd%2b1&x", "GET /?q=***&x");
        expect_masked("{\"echo\": \"p\xc3\xa4ss/w\\\"rd+1\"}", "{\"echo\": \"***\"}");
        redact_forget("p\xc3\xa4ss/w\"rd+1");
        expect_masked("it is p\xc3\xa4ss/w\"rd+1", "it is p\xc3\xa4ss/w\"rd+1");
}

/* printf '%s' NAME:open-sesame | base64; what depends on the name or on the padding may stay. */
static void test_known_text_is_masked_in_base64(void **state)
{
        (void)state;
        redact_learn("open-sesame");
        expect_masked("<b3Blbi1zZXNhbWU=>", "<***U=>");
        expect_masked("<YTpvcGVuLXNlc2FtZQ==>", "<YTp***Q==>");
        expect_masked("<YWI6b3Blbi1zZXNhbWU=>", "<YWI6***U=>");
        expect_masked("<YWJjOm9wZW4tc2VzYW1l>", "<YWJjOm***>");
        redact_forget("open-sesame");
        /* With the two letters that differ in URLs: printf '?>~?>~' | base64 | tr +/ -_ */
        redact_learn("?>~?>~");
        expect_masked("<Pz5+Pz5+> <Pz5-Pz5->", "<***> <***>");
        redact_forget("?>~?>~");
}

/* Messages are cut at some length, through a secret as through any word. */
static void test_what_is_left_of_a_cut_secret_is_masked(void **state)
{
        struct error err = ERROR_INIT;

        (void)state;
        redact_learn("0123456789abcdefghijklmnopqrstuv");
        expect_masked("it is 0123456789abcdefghi", "it is ***");
        expect_masked("it is 0123456789ab... and so on", "it is ***... and so on");
        expect_masked("it is 0123456789a", "it is 0123456789a");
        /* printf '%s' 0123456789abcdefghijklmnopqrstuv | base64 */
        expect_masked("MDEyMzQ1Njc4OWFiY2RlZm", "***");
        error_set(&err, ERROR_IO, NULL, "the job \"%.40s\" is gone",
                  "called 0123456789abcdefghijklmnopqrstuv");
        assert_string_equal(err.message, "the job \"called ***\" is gone");
        redact_forget("0123456789abcdefghijklmnopqrstuv");
}

static void expect_url(const char *url, const char *expected)
{
        autofree char *shown = redact_url(url);

        assert_string_equal(shown, expected);
}

static void test_urls_show_no_credentials_however_wrong_they_are(void **state)
{
        (void)state;
        expect_url("https://user:pa/ss?w#d@host:1/path", "https://***@host:1/path");
        expect_url("https://user:p@ss@host", "https://***@host");
        expect_url("ftp://user:word@host", "ftp://***@host");
        expect_url("user:word@host:8081", "***@host:8081");
        expect_url("//user:word@host", "***@host");
        expect_url("http://host:8081/a", "http://host:8081/a");
}

static void test_short_secrets_do_not_mask_the_world(void **state)
{
        (void)state;
        redact_learn("a");
        redact_learn("12345");
        redact_learn("");
        expect_masked("a banana for 12345 people", "a banana for 12345 people");
        redact_forget("12345");
        redact_forget("a");
        redact_learn("123456");
        expect_masked("a banana for 123456 people", "a banana for *** people");
        redact_forget("123456");
}

static void test_what_was_learned_twice_is_forgotten_twice(void **state)
{
        (void)state;
        redact_learn("open-sesame");
        redact_learn("open-sesame");
        redact_learn("open-sesame-street");
        redact_forget("open-sesame");
        expect_masked("open-sesame open-sesame-street", "*** ***");
        redact_forget("open-sesame");
        expect_masked("open-sesame open-sesame-street", "open-sesame ***");
        redact_forget("open-sesame-street");
        redact_forget("never learned");
        expect_masked("open-sesame open-sesame-street", "open-sesame open-sesame-street");
}

static void test_a_secret_is_masked_while_it_lives(void **state)
{
        struct scratch scratch = scratch_open();
        struct secret *secret = secret_new("token", scratch.folder);
        struct error err = ERROR_INIT;

        (void)state;
        scratch_write(&scratch, "token", "the-first-one");
        expect_text(secret, "the-first-one");
        scratch_write(&scratch, "token", "the-second");
        expect_text(secret, "the-second");
        /* Answers to what was asked with the first are still on their way. */
        expect_masked("the-first-one the-second", "*** ***");
        error_set(&err, ERROR_REFUSED, NULL, "%s is not welcome", "the-second");
        error_wrap(&err, "asking for %s", "the-first-one");
        assert_string_equal(err.message, "asking for ***: *** is not welcome");
        scratch_write(&scratch, "token", "the-third-one");
        expect_text(secret, "the-third-one");
        expect_masked("the-first-one the-second the-third-one", "the-first-one *** ***");
        secret_free(secret);
        expect_masked("the-first-one the-second the-third-one", "the-first-one the-second the-third-one");
        scratch_close(&scratch);
}

static void *learn_and_mask(void *argument)
{
        const char *secret = argument;

        for (int i = 0; i < 200; i++) {
                autofree char *text = memory_format("say %s now", secret);

                redact_learn(secret);
                expect_masked(text, "say *** now");
                redact_forget(secret);
        }
        return NULL;
}

static void test_threads_learn_and_mask_at_once(void **state)
{
        static char secrets[4][16] = {"secret-of-one", "secret-of-two", "secret-of-six", "secret-of-ten"};
        pthread_t threads[4];

        (void)state;
        for (int i = 0; i < 4; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, learn_and_mask, secrets[i]), 0);
        for (int i = 0; i < 4; i++)
                assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/* AddressSanitizer makes nothing of mlock. */
#ifdef __SANITIZE_ADDRESS__
#define EXPECTED_FLAG " dd"
#else
#define EXPECTED_FLAG " lo"
#endif

/* The pages of a secret are locked and left out of core files, says the kernel (proc(5), smaps: "lo", "dd").
 */
static void test_pages_are_locked_and_not_dumped(void **state)
{
        struct scratch scratch = scratch_open();
        autocall(secret_free) struct secret *secret = secret_new("token", scratch.folder);
        struct error err = ERROR_INIT;
        const char *text;
        char line[512];
        bool inside = false, seen = false;
        FILE *maps;

        (void)state;
        scratch_write(&scratch, "token", "open-sesame");
        assert_true(secret_text(secret, &text, &err));
        maps = fopen("/proc/self/smaps", "r");
        assert_non_null(maps);
        while (fgets(line, sizeof line, maps)) {
                unsigned long from, to;

                if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
                        inside = (uintptr_t)text >= from && (uintptr_t)text < to;
                else if (inside && strncmp(line, "VmFlags:", 8) == 0)
                        seen = strstr(line, " dd") && strstr(line, EXPECTED_FLAG);
        }
        fclose(maps);
        assert_true(seen);
        scratch_close(&scratch);
}

/* In a process of its own, since it cannot be taken back: reads a secret and dies. */
static void die_with_a_secret(const struct scratch *scratch)
{
        const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
        struct secret *secret = secret_new("token", scratch->folder);
        struct error err = ERROR_INIT;
        struct rlimit left;
        const char *text;

        (void)setrlimit(RLIMIT_CORE, &all);
        if (chdir(scratch->folder) != 0 || !secret_text(secret, &text, &err))
                _exit(1);
        if (prctl(PR_GET_DUMPABLE) != 0 || getrlimit(RLIMIT_CORE, &left) != 0 || left.rlim_cur != 0)
                _exit(2);
        signal(SIGABRT, SIG_DFL);
        abort();
}

static void test_a_process_with_secrets_writes_no_core(void **state)
{
        struct scratch scratch = scratch_open();
        int status = 0;
        pid_t child;

        (void)state;
        scratch_write(&scratch, "token", "open-sesame");
        child = fork();
        assert_true(child >= 0);
        if (child == 0)
                die_with_a_secret(&scratch);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
        assert_false(WCOREDUMP(status));
        assert_int_equal(scratch_count(&scratch), 1);
        scratch_close(&scratch);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_text_is_that_of_the_file),
                cmocka_unit_test(test_a_replaced_file_is_read_again),
                cmocka_unit_test(test_renewing_reads_in_any_case),
                cmocka_unit_test(test_what_is_no_secret_is_refused),
                cmocka_unit_test(test_known_text_is_masked_in_every_form),
                cmocka_unit_test(test_known_text_is_masked_in_base64),
                cmocka_unit_test(test_what_is_left_of_a_cut_secret_is_masked),
                cmocka_unit_test(test_urls_show_no_credentials_however_wrong_they_are),
                cmocka_unit_test(test_short_secrets_do_not_mask_the_world),
                cmocka_unit_test(test_what_was_learned_twice_is_forgotten_twice),
                cmocka_unit_test(test_a_secret_is_masked_while_it_lives),
                cmocka_unit_test(test_threads_learn_and_mask_at_once),
                cmocka_unit_test(test_pages_are_locked_and_not_dumped),
                cmocka_unit_test(test_a_process_with_secrets_writes_no_core),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
