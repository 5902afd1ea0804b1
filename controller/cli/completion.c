/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/cli/completion.h"

#include <string.h>

#include "controller/cli/command.h"
#include "controller/registry.h"

/* The first sentence of `words` between single quotes; `special` characters get a backslash. */
static void put_quoted(struct text *out, const char *words, const char *special, const char *quote)
{
        for (; *words && strncmp(words, ". ", 2) != 0 && strcmp(words, ".") != 0; words++) {
                if (*words == '\'')
                        text_put(out, quote);
                else if (strchr(special, *words))
                        text_format(out, "\\%c", *words);
                else
                        text_add(out, words, 1);
        }
}

static void put_commands(struct text *out)
{
        for (const struct command *const *command = commands; *command; command++)
                text_format(out, "%s%s", command == commands ? "" : " ", (*command)->name);
}

/* The words a parameter accepts, with blanks between; nothing when they cannot be listed. */
static void put_words(const struct parameter *parameter, struct text *out)
{
        if (parameter->values == VALUES_STRATEGY) {
                for (const struct strategy *const *item = registry_all()->strategies; *item; item++)
                        text_format(out, "%s ", (*item)->name);
        } else if (parameter->values == VALUES_COMMAND) {
                put_commands(out);
        } else {
                for (const char *const *choice = parameter->choices; choice && *choice; choice++)
                        text_format(out, "%s ", *choice);
        }
}

static void bash_compgen(const struct parameter *parameter, struct text *out)
{
        autotext words = {0};

        put_words(parameter, &words);
        if (words.data)
                text_format(out, "COMPREPLY=($(compgen -W '%s' -- \"$word\"))", words.data);
        else if (parameter->values == VALUES_ANY)
                text_put(out, ":");
        else
                text_format(out, "COMPREPLY=($(compgen %s -- \"$word\"))",
                            parameter->values == VALUES_FOLDER ? "-d" : "-f");
}

/* What completes the word behind an option. */
static void bash_option_values(const struct command *command, struct text *out)
{
        for (const struct parameter *parameter = command->parameters; parameter->name; parameter++) {
                if (parameter->positional || parameter->type == PARAMETER_FLAG)
                        continue;
                text_format(out, "        %s:--%s) ", command->name, parameter->name);
                bash_compgen(parameter, out);
                text_put(out, "; return ;;\n");
        }
}

/* What completes any other word: the command's options, or its argument. */
static void bash_words(const struct command *command, struct text *out)
{
        text_format(out, "        %s:-*) COMPREPLY=($(compgen -W '--help", command->name);
        for (const struct parameter *parameter = command->parameters; parameter->name; parameter++) {
                if (!parameter->positional)
                        text_format(out, " --%s", parameter->name);
        }
        text_put(out, "' -- \"$word\")) ;;\n");
        for (const struct parameter *parameter = command->parameters; parameter->name; parameter++) {
                if (!parameter->positional)
                        continue;
                text_format(out, "        %s:*) ", command->name);
                bash_compgen(parameter, out);
                text_put(out, " ;;\n");
                return;
        }
}

void completion_bash(struct text *out)
{
        text_put(out, "# Completes optctl's command lines; made by `optctl completion bash`.\n"
                      "_optctl()\n{\n"
                      "        local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n\n"
                      "        COMPREPLY=()\n"
                      "        if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                      "                COMPREPLY=($(compgen -W '--help --version ");
        put_commands(out);
        text_put(out, "' -- \"$word\"))\n                return\n        fi\n"
                      "        case ${COMP_WORDS[1]}:$before in\n");
        for (const struct command *const *command = commands; *command; command++)
                bash_option_values(*command, out);
        text_put(out, "        esac\n        case ${COMP_WORDS[1]}:$word in\n");
        for (const struct command *const *command = commands; *command; command++)
                bash_words(*command, out);
        text_put(out, "        esac\n}\ncomplete -o filenames -F _optctl optctl\n");
}

static bool is_file(const struct parameter *parameter)
{
        return parameter->values == VALUES_FILE || parameter->values == VALUES_WRITTEN;
}

/* The action of zsh's _arguments that completes a value. */
static void zsh_action(const struct parameter *parameter, struct text *out)
{
        autotext words = {0};

        put_words(parameter, &words);
        if (words.data)
                text_format(out, "(%s)", words.data);
        else if (parameter->values == VALUES_FOLDER)
                text_put(out, "_files -/");
        else if (is_file(parameter))
                text_put(out, "_files");
}

static void zsh_parameter(const struct parameter *parameter, struct text *out)
{
        bool list = parameter->type == PARAMETER_TEXTS || parameter->type == PARAMETER_NAMES;

        text_put(out, " \\\n                '");
        if (parameter->positional) {
                text_format(out, "%s:%s:", list ? "*" : "", parameter->name);
                zsh_action(parameter, out);
        } else {
                text_format(out, "%s--%s%s[", list ? "*" : "", parameter->name,
                            parameter->type == PARAMETER_FLAG ? "" : "=");
                put_quoted(out, parameter->help, "[]\\", "'\\''");
                text_put(out, "]");
                if (parameter->type != PARAMETER_FLAG) {
                        text_put(out, ":");
                        put_quoted(out, parameter->value, ":[]\\", "'\\''");
                        text_put(out, ":");
                        zsh_action(parameter, out);
                }
        }
        text_put(out, "'");
}

void completion_zsh(struct text *out)
{
        text_put(out,
                 "#compdef optctl\n# Completes optctl's command lines; made by `optctl completion zsh`.\n"
                 "_optctl()\n{\n        local -a commands=(\n");
        for (const struct command *const *command = commands; *command; command++) {
                text_format(out, "                '%s:", (*command)->name);
                put_quoted(out, (*command)->summary, ":\\", "'\\''");
                text_put(out, "'\n");
        }
        text_put(out, "        )\n\n        if (( CURRENT == 2 )); then\n"
                      "                _describe command commands\n                return\n        fi\n"
                      "        shift words\n        (( CURRENT-- ))\n        case $words[1] in\n");
        for (const struct command *const *command = commands; *command; command++) {
                text_format(out, "        %s)\n                _arguments '--help[prints help]'",
                            (*command)->name);
                for (const struct parameter *item = (*command)->parameters; item->name; item++)
                        zsh_parameter(item, out);
                text_put(out, "\n                ;;\n");
        }
        text_put(out, "        esac\n}\n\n_optctl \"$@\"\n");
}

static void fish_parameter(const struct command *command, const struct parameter *parameter, struct text *out)
{
        autotext words = {0};

        put_words(parameter, &words);
        text_format(out, "complete -c optctl -n '__fish_seen_subcommand_from %s'", command->name);
        if (!parameter->positional)
                text_format(out, " -l %s%s", parameter->name, parameter->type == PARAMETER_FLAG ? "" : " -r");
        if (words.data)
                text_format(out, " -a '%s'", words.data);
        else if (parameter->values == VALUES_FOLDER)
                text_put(out, " -a '(__fish_complete_directories)'");
        else if (is_file(parameter))
                text_put(out, " -F");
        if (!parameter->positional) {
                text_put(out, " -d '");
                put_quoted(out, parameter->help, "\\", "\\'");
                text_put(out, "'");
        }
        text_put(out, "\n");
}

void completion_fish(struct text *out)
{
        text_put(out, "# Completes optctl's command lines; made by `optctl completion fish`.\n"
                      "complete -c optctl -f\n"
                      "complete -c optctl -l help -d 'Prints help'\n"
                      "complete -c optctl -n __fish_use_subcommand -l version -d 'Prints the version'\n");
        for (const struct command *const *command = commands; *command; command++) {
                text_format(out, "complete -c optctl -n __fish_use_subcommand -a %s -d '", (*command)->name);
                put_quoted(out, (*command)->summary, "\\", "\\'");
                text_put(out, "'\n");
                for (const struct parameter *item = (*command)->parameters; item->name; item++)
                        fish_parameter(*command, item, out);
        }
}
