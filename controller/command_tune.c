/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controller/ask_tell.h"
#include "controller/command.h"
#include "core/clock.h"

struct tune_arguments {
        bool ask_tell;
};

static const struct parameter parameters[] = {
        {.name = "ask-tell",
         .type = PARAMETER_FLAG,
         .offset = offsetof(struct tune_arguments, ask_tell),
         .help = "Speaks JSON lines on standard input and output: who asks runs the trials."},
        {.name = NULL},
};

enum line { LINE_WHOLE, LINE_TOO_LONG, LINE_NONE };

/* One line of standard input; of one that is too long nothing is kept. A last line may lack its end. */
static enum line read_line(struct text *line)
{
        bool too_long = false;
        int byte;

        line->length = 0;
        while ((byte = getchar_unlocked()) != EOF && byte != '\n') {
                char letter = (char)byte;

                too_long |= line->length >= ASK_TELL_LINE_MAX;
                if (!too_long)
                        text_add(line, &letter, 1);
        }
        if (byte == EOF && line->length == 0 && !too_long)
                return LINE_NONE;
        return too_long ? LINE_TOO_LONG : LINE_WHOLE;
}

static bool write_out(struct text *out, struct error *err)
{
        if (out->length == 0)
                return true;
        if (fwrite(out->data, 1, out->length, stdout) != out->length || fflush(stdout) != 0)
                return error_errno(err, errno, "standard output");
        out->length = 0;
        return true;
}

static bool serve(struct error *err)
{
        autocall(ask_tell_free) struct ask_tell *session = ask_tell_new();
        autotext line = {0}, out = {0};
        enum line kind;

        while ((kind = read_line(&line)) != LINE_NONE && !clock_stopped()) {
                if (kind == LINE_TOO_LONG)
                        ask_tell_too_long(&out);
                else
                        ask_tell_line(session, line.data ? line.data : "", line.length, &out);
                if (!write_out(&out, err))
                        return false;
        }
        if (clock_stopped())
                return error_set(err, ERROR_INTERRUPTED, NULL, "interrupted");
        return !ferror(stdin) || error_errno(err, errno, "standard input");
}

static bool tune_run(const void *object, struct error *err)
{
        const struct tune_arguments *arguments = object;

        if (!arguments->ask_tell)
                return error_set(err, ERROR_INPUT, NULL,
                                 "tune: --ask-tell is missing: trials are run by who asks");
        return serve(err);
}

const struct command tune_command = {
        .name = "tune",
        .group = COMMAND_STUDY,
        .summary = "search for the best settings of anything that can be run",
        .description = "Proposes what to try next and learns from what came out: Bayesian optimisation over "
                       "numbers, "
                       "choices and tables of candidates, with constraints, failed runs and several trials "
                       "at once. The first "
                       "line that is read declares the space; {\"ask\":1} is answered with a suggestion, "
                       "{\"tell\":{...}} says "
                       "what a trial gave (docs/tune.md).",
        .example = "optctl tune --ask-tell",
        .size = sizeof(struct tune_arguments),
        .parameters = parameters,
        .run = tune_run,
};
