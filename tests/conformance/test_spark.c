/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The actuator of Spark, whose peer is a file, before every fault that a file may have: nothing is written
 * that was not announced, what was begun is ended, what is refused stays as it was, nothing is left beside
 * it, and once the file is well again the same call brings it where it should be. Its collector before a
 * History Server: conformance/test_collectors.c, before folders: collectors/test_spark.c.
 */
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/spark/job.h"
#include "tests/conformance/subject.h"
#include "tests/support/scratch.h"

extern const struct actuator spark_actuator;

#define FILE_NAME "settings"
#define FIRST     2
#define WANTED    4

/* A form of the file: what stands in it at first, when it is as wanted, and when it began with nothing. */
struct form {
        const char *name, *option, *first, *wanted, *anew;
        const char *no_number, *dynamic, *more; /* the last: what somebody else puts at its end */
};

static const struct form forms[] = {
        {"actuator, defaults", "defaults", "# kept\nspark.executor.instances = 2 \nspark.master yarn\n",
         "# kept\nspark.executor.instances = 4 \nspark.master yarn\n", "spark.executor.instances 4\n",
         "spark.executor.instances many\n", "spark.dynamicAllocation.enabled true\n", "spark.a b\n"},
        {"actuator, arguments", "arguments", "--master yarn\n--num-executors 2 --conf a=b\n",
         "--master yarn\n--num-executors 4 --conf a=b\n", "--conf spark.executor.instances=4\n",
         "--num-executors many\n", "-c spark.dynamicAllocation.enabled=true\n", "--conf a=c\n"},
};

struct show {
        const struct form *form;
        const struct row *row;
        struct scratch scratch;
        struct stand stand;
        char *path, *beside;
        void *state;
        bool dry_run, done;
        struct error err;
        struct configuration told;
        int n_begun, n_ended;
        char call[200];
        int *complaints;
};

struct row {
        const char *name, *reason;                /* of the refusal; NULL: it is done */
        void (*make)(struct show *show);          /* before anything is asked; may be NULL */
        void (*meanwhile)(struct show *show);     /* when a write is announced; may be NULL */
        void (*lift)(struct show *show);          /* may be NULL */
        bool anew;                                /* it begins with nothing */
        const char *(*wanted)(struct show *show); /* when it is not the usual */
};

/* ---- faults ---- */

static void remove_file(struct show *show)
{
        (void)unlink(show->path);
        (void)rmdir(show->path);
}

static void restore(struct show *show)
{
        remove_file(show);
        scratch_write(&show->scratch, FILE_NAME, show->form->first);
}

static void leave_over(struct show *show)
{
        scratch_write(&show->scratch, "." FILE_NAME ".optctl", "half of someth");
}

static void lose_folder(struct show *show)
{
        autofree char *elsewhere = memory_format("%s-elsewhere", show->scratch.folder);

        assert_int_equal(rename(show->scratch.folder, elsewhere), 0);
}

static void find_folder(struct show *show)
{
        autofree char *elsewhere = memory_format("%s-elsewhere", show->scratch.folder);

        assert_int_equal(rename(elsewhere, show->scratch.folder), 0);
}

static void make_link(struct show *show)
{
        remove_file(show);
        scratch_write(&show->scratch, "target", show->form->first);
        scratch_link(&show->scratch, "target", FILE_NAME);
}

static void make_loose_link(struct show *show)
{
        remove_file(show);
        scratch_link(&show->scratch, "nowhere", FILE_NAME);
}

static void add_name(struct show *show)
{
        autofree char *other = scratch_path(&show->scratch, "other");

        assert_int_equal(link(show->path, other), 0);
}

static void drop_name(struct show *show)
{
        scratch_remove(&show->scratch, "other");
}

static void make_folder(struct show *show)
{
        remove_file(show);
        assert_int_equal(mkdir(show->path, 0700), 0);
}

static void make_pipe(struct show *show)
{
        remove_file(show);
        assert_int_equal(mkfifo(show->path, 0600), 0);
}

static void make_large(struct show *show)
{
        assert_int_equal(truncate(show->path, 2 << 20), 0);
}

static void make_binary(struct show *show)
{
        assert_int_equal(truncate(show->path, 200), 0);
}

static void make_no_number(struct show *show)
{
        scratch_write(&show->scratch, FILE_NAME, show->form->no_number);
}

static void make_dynamic(struct show *show)
{
        scratch_write(&show->scratch, FILE_NAME, show->form->dynamic);
}

static void set_limit(rlim_t bytes)
{
        struct rlimit limit;

        assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
        limit.rlim_cur = bytes;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void fill_disk(struct show *show)
{
        (void)show;
        set_limit(10);
}

static void empty_disk(struct show *show)
{
        (void)show;
        set_limit(RLIM_INFINITY);
}

static void change_it(struct show *show)
{
        autofree char *words = memory_format("%s%s", show->form->first, show->form->more);
        autofree char *other = scratch_path(&show->scratch, "edited");

        scratch_write(&show->scratch, "edited", words);
        assert_int_equal(rename(other, show->path), 0); /* as editors do */
}

static void change_once(struct show *show)
{
        if (show->n_begun == 1)
                change_it(show);
}

static void swap_for_link(struct show *show)
{
        if (show->n_begun == 1)
                make_link(show);
}

static void remove_once(struct show *show)
{
        if (show->n_begun == 1)
                remove_file(show);
}

static void lose_folder_once(struct show *show)
{
        if (show->n_begun == 1)
                lose_folder(show);
}

static const char *wanted_with_more(struct show *show)
{
        static char words[400];

        snprintf(words, sizeof words, "%s%s", show->form->wanted, show->form->more);
        return words;
}

static const char *wanted_anew(struct show *show)
{
        return show->form->anew;
}

static const struct row rows[] = {
        {.name = "healthy"},
        {.name = "not there yet", .make = remove_file, .wanted = wanted_anew, .anew = true},
        {.name = "half of one is left over by a crash", .make = leave_over},
        {.name = "its folder is not there",
         .make = lose_folder,
         .lift = find_folder,
         .reason = "InputOutput"},
        {.name = "a symbolic link", .make = make_link, .lift = restore, .reason = "SymbolicLink"},
        {.name = "a symbolic link to nothing",
         .make = make_loose_link,
         .lift = restore,
         .reason = "SymbolicLink"},
        {.name = "a second name", .make = add_name, .lift = drop_name, .reason = "HardLinks"},
        {.name = "a folder", .make = make_folder, .lift = restore, .reason = "NotAFile"},
        {.name = "a pipe", .make = make_pipe, .lift = restore, .reason = "NotAFile"},
        {.name = "2 MiB", .make = make_large, .lift = restore, .reason = "LimitExceeded"},
        {.name = "zeros in it", .make = make_binary, .lift = restore, .reason = "InvalidInput"},
        {.name = "no number", .make = make_no_number, .lift = restore, .reason = "NotANumber"},
        {.name = "executors that come and go",
         .make = make_dynamic,
         .lift = restore,
         .reason = "DynamicAllocation"},
        {.name = "the disk is full", .meanwhile = fill_disk, .lift = empty_disk, .reason = "InputOutput"},
        {.name = "somebody else changes it meanwhile", .meanwhile = change_once, .wanted = wanted_with_more},
        {.name = "somebody else changes it all the time",
         .meanwhile = change_it,
         .lift = restore,
         .reason = "Conflict"},
        {.name = "it becomes a symbolic link meanwhile",
         .meanwhile = swap_for_link,
         .lift = restore,
         .reason = "SymbolicLink"},
        {.name = "it is removed meanwhile", .meanwhile = remove_once, .wanted = wanted_anew},
        {.name = "its folder goes away meanwhile",
         .meanwhile = lose_folder_once,
         .lift = find_folder,
         .reason = "InputOutput"},
        {.name = "the ledger takes nothing down", .reason = "Ledger"},
};

#define N_ROWS  ARRAY_LENGTH(rows)
#define N_FORMS ARRAY_LENGTH(forms)

/* ---- the stand ---- */

static bool begin_call(void *context, const char *call, int64_t *ret_id, struct error *err)
{
        struct show *show = context;

        if (show->row->reason && strcmp(show->row->reason, "Ledger") == 0 && !show->dry_run)
                return error_set(err, ERROR_IO, "Ledger", "spark: the ledger is full");
        *ret_id = ++show->n_begun;
        snprintf(show->call, sizeof show->call, "%s", call);
        if (show->row->meanwhile && !show->dry_run)
                show->row->meanwhile(show);
        return true;
}

static bool end_call(void *context, int64_t id, bool done, const char *answer, struct error *err)
{
        struct show *show = context;

        (void)done;
        (void)err;
        assert_int_equal(id, show->n_begun);
        assert_true(*answer);
        show->n_ended++;
        return true;
}

static void open_actuator(struct show *show)
{
        struct error err = ERROR_INIT;

        assert_true(spark_actuator.open(&show->stand.context, show->stand.options, &show->state, &err));
}

static void show_open(struct show *show, const struct form *form, const struct row *row, int *complaints)
{
        struct subject subject = {.name = "spark", .plugin = "spark", .pool = true};
        autofree char *options = NULL;

        *show = (struct show){.form = form, .row = row, .complaints = complaints, .scratch = scratch_open()};
        show->path = scratch_path(&show->scratch, FILE_NAME);
        show->beside = scratch_path(&show->scratch, "." FILE_NAME ".optctl");
        options = memory_format("application: nightly\neventLogs: .\n%s: %s\n", form->option, show->path);
        subject.options = options;
        stand_open(&show->stand, &subject, &spark_job_table, NULL, NULL);
        scratch_write(&show->scratch, FILE_NAME, form->first);
        assert_int_equal(chmod(show->path, 0640), 0);
        if (geteuid() == 0)
                assert_int_equal(chown(show->path, 1, 2), 0);
        open_actuator(show);
}

static void show_close(struct show *show)
{
        spark_actuator.close(show->state);
        stand_close(&show->stand, &spark_job_table);
        scratch_close(&show->scratch);
        free(show->path);
        free(show->beside);
}

static void run_apply(void *argument)
{
        struct show *show = argument;
        const struct configuration from = {.count = 1, .value = {FIRST}};
        const struct configuration to = {.count = 1, .value = {WANTED}};
        const struct call_recorder calls = {begin_call, end_call, show};

        error_clear(&show->err);
        show->done = spark_actuator.apply(show->state, &from, &to, show->dry_run, &calls, &show->err);
}

static void run_read(void *argument)
{
        struct show *show = argument;

        error_clear(&show->err);
        show->told = (struct configuration){.count = 1, .value = {NAN}};
        show->done = spark_actuator.read(show->state, &show->told, &show->err);
}

static void apply(struct show *show)
{
        reactor_call(show->stand.http->reactor, run_apply, show);
}

static double told(struct show *show)
{
        reactor_call(show->stand.http->reactor, run_read, show);
        return show->done ? show->told.value[0] : NAN;
}

/* ---- judging ---- */

#define COMPLAIN(show, ...) complain((show)->complaints, (show)->row->name, __VA_ARGS__)

static void expect_text(struct show *show, const char *expected, const char *when)
{
        autofree char *text = NULL;
        struct error err = ERROR_INIT;

        if (!text_read_file(show->path, 1 << 22, &text, NULL, &err))
                COMPLAIN(show, "%s, %s: %s", show->form->name, when, err.message);
        else if (strcmp(text, expected) != 0)
                COMPLAIN(show, "%s, %s: \"%s\", expected \"%s\"", show->form->name, when, text, expected);
        if (access(show->beside, F_OK) == 0)
                COMPLAIN(show, "%s, %s: something is left beside it", show->form->name, when);
}

/* Of one that was there: whose it was and who may read it. */
static void expect_owner(struct show *show)
{
        struct stat status;

        if (show->row->anew || show->row->meanwhile || show->row->lift)
                return;
        assert_int_equal(stat(show->path, &status), 0);
        if ((status.st_mode & 07777) != 0640 ||
            (geteuid() == 0 && (status.st_uid != 1 || status.st_gid != 2)))
                COMPLAIN(show, "mode %o, of %d:%d", (unsigned)status.st_mode, (int)status.st_uid,
                         (int)status.st_gid);
}

static const char *wanted_of(struct show *show)
{
        return show->row->wanted ? show->row->wanted(show) : show->form->wanted;
}

static void judge_refusal(struct show *show, struct cell *cell)
{
        const char *flaw = error_flaw(&show->err, "spark", show->path);

        cell->failed++;
        snprintf(cell->reason, sizeof cell->reason, "%s", show->err.reason);
        if (flaw)
                COMPLAIN(show, "the error \"%s\" %s", show->err.message, flaw);
        if (!show->row->reason || strcmp(show->row->reason, show->err.reason) != 0)
                COMPLAIN(show, "%s: %s: %s", show->form->name, show->err.reason, show->err.message);
}

static void judge(struct show *show, struct cell *cell)
{
        if (show->n_begun != show->n_ended)
                COMPLAIN(show, "%d calls begun, %d ended", show->n_begun, show->n_ended);
        if (!show->done) {
                judge_refusal(show, cell);
                return;
        }
        cell->whole++;
        if (show->row->reason)
                COMPLAIN(show, "%s: says that it is done", show->form->name);
        expect_text(show, wanted_of(show), "done");
        expect_owner(show);
        if (!strstr(show->call, show->path) || !strstr(show->call, "spark.executor.instances") ||
            !strstr(show->call, "-> 4"))
                COMPLAIN(show, "the call is \"%s\"", show->call);
}

/* Somebody else, after a crash, with a file that is well again. */
static void judge_repeat(struct show *show)
{
        static const struct row well = {.name = "well again"};
        const struct row *row = show->row;
        bool refused = row->reason != NULL;

        if (row->lift)
                row->lift(show);
        spark_actuator.close(show->state);
        open_actuator(show);
        show->row = &well;
        apply(show);
        if (!show->done)
                COMPLAIN(show, "after \"%s\": %s", row->name, show->err.message);
        if (told(show) != WANTED)
                COMPLAIN(show, "after \"%s\": reads back %g", row->name, show->told.value[0]);
        if (refused)
                expect_text(show, show->form->wanted, row->name);
        show->row = row;
}

static void try_dry_run(const struct form *form, const struct row *row, int *complaints)
{
        struct show show;

        show_open(&show, form, row, complaints);
        show.dry_run = true;
        apply(&show);
        if (!show.done || show.n_begun != 1 || show.n_ended != 0)
                COMPLAIN(&show, "a dry run: %s", show.err.message);
        expect_text(&show, form->first, "a dry run");
        show_close(&show);
}

static void try_row(const struct form *form, const struct row *row, struct cell *cell, int *complaints)
{
        struct show show;

        show_open(&show, form, row, complaints);
        if (row->make)
                row->make(&show);
        if (!row->reason && !row->anew && told(&show) != FIRST)
                COMPLAIN(&show, "%s: reads %g", form->name, show.told.value[0]);
        if (row->reason && row->make && (told(&show), show.done))
                COMPLAIN(&show, "%s: reads %g", form->name, show.told.value[0]);
        apply(&show);
        judge(&show, cell);
        judge_repeat(&show);
        show_close(&show);
}

struct suite {
        struct cell cells[N_ROWS][N_FORMS];
};

static void test_every_fault(void **state)
{
        struct suite *suite = *state;
        int complaints = 0;

        for (size_t row = 0; row < N_ROWS; row++)
                for (size_t form = 0; form < N_FORMS; form++)
                        try_row(&forms[form], &rows[row], &suite->cells[row][form], &complaints);
        for (size_t form = 0; form < N_FORMS; form++)
                try_dry_run(&forms[form], &rows[0], &complaints);
        assert_int_equal(complaints, 0);
}

static void print_table(const struct suite *suite)
{
        const char *names[N_FORMS];

        for (size_t i = 0; i < N_FORMS; i++)
                names[i] = forms[i].name;
        table_begin("Files of Spark", names, N_FORMS);
        for (size_t row = 0; row < N_ROWS; row++)
                table_row(rows[row].name, suite->cells[row], N_FORMS);
}

int main(int argc, char **argv)
{
        autofree struct suite *suite = memory_new(1, sizeof *suite);
        const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(test_every_fault, suite)};
        int failed;

        (void)signal(SIGXFSZ, SIG_IGN); /* a file that grows too large is an error of its write */
        failed = cmocka_run_group_tests(tests, NULL, NULL);
        if (table_wanted(argc, argv))
                print_table(suite);
        return failed;
}
