/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bounds and rules of option tables in CEL, which the Kubernetes API server evaluates. */
#include <math.h>
#include <string.h>

#include "core/crd/internal.h"
#include "core/option_internal.h"
#include "core/quantity.h"

/* Numbers and quantities are an integer or a text in the object: both become the type that can be compared.
 */
static void put_value(const struct option *option, const char *place, struct text *out)
{
        if (option->type == OPTION_QUANTITY)
                text_format(out, "(type(%s) == int ? quantity('0').add(%s) : quantity(%s))", place, place,
                            place);
        else
                text_format(out, option->type == OPTION_INT ? "%s" : "double(%s)", place);
}

static void put_constant(const struct option *option, double value, struct text *out)
{
        autotext digits = {0};

        text_format(&digits, "%.15g", value);
        if (option->type == OPTION_QUANTITY) {
                text_put(out, "quantity('");
                quantity_put(out, value);
                text_put(out, "')");
        } else if (option->type == OPTION_INT || strpbrk(digits.data, ".e")) {
                text_put(out, digits.data);
        } else {
                text_format(out, "%s.0", digits.data);
        }
}

static json_t *rule_new(const char *rule, const char *message)
{
        return json_pack("{s:s, s:s}", "rule", rule, "message", message);
}

/* ---- one option ---- */

static void put_bound(const struct option *option, const char *sign, double bound, struct text *out)
{
        bool quantity = option->type == OPTION_QUANTITY;

        if (!isfinite(bound))
                return;
        text_put(out, out->length ? " && " : "");
        put_value(option, "self", out);
        text_put(out, quantity ? ".compareTo(" : "");
        text_format(out, quantity ? "" : " %s ", sign);
        put_constant(option, bound, out);
        if (quantity)
                text_format(out, ") %s 0", sign);
}

json_t *crd_option_rules(const struct option *option)
{
        bool number = option->type == OPTION_NUMBER || option->type == OPTION_QUANTITY;
        json_t *rules = json_array();
        autotext rule = {0}, message = {0};

        if (number && option_bounded(option)) {
                put_bound(option, ">=", option->min, &rule);
                put_bound(option, "<=", option->max, &rule);
                text_put(&message, "expected ");
                option_put_expected(option, &message);
                json_array_append_new(rules, rule_new(rule.data, message.data));
        }
        if (option->immutable)
                json_array_append_new(rules, rule_new("self == oldSelf",
                                                      "cannot be changed; expected the value that it has"));
        if (json_array_size(rules) > 0)
                return rules;
        json_decref(rules);
        return NULL;
}

/* ---- between options ---- */

/* One side of an ORDER: the value as given, or its default. */
static void put_side(const struct option *option, struct text *out)
{
        autofree char *place = memory_format("self.%s", option->name);
        double fallback;

        if (option->required || !option->fallback) {
                put_value(option, place, out);
                return;
        }
        quantity_parse(option->fallback, &fallback);
        text_format(out, "(has(%s) ? ", place);
        put_value(option, place, out);
        text_put(out, " : ");
        put_constant(option, fallback, out);
        text_put(out, ")");
}

static void put_order(const struct option_table *table, const struct option_rule *rule, struct text *out)
{
        const struct option *low = option_named(table, rule->names[0]);
        bool quantity = low->type == OPTION_QUANTITY;

        for (size_t i = 0; rule->names[i]; i++) {
                const struct option *option = option_named(table, rule->names[i]);

                if (!option->required && !option->fallback)
                        text_format(out, "!has(self.%s) || ", option->name);
        }
        put_side(low, out);
        text_put(out, quantity ? ".compareTo(" : " <= ");
        put_side(option_named(table, rule->names[1]), out);
        text_put(out, quantity ? ") <= 0" : "");
}

static bool is_local(const struct option_table *table, const char *name)
{
        const struct option *option = option_named(table, name);

        return option && option->local;
}

static void put_count(const struct option_table *table, const struct option_rule *rule, const char *condition,
                      struct text *out)
{
        const char *before = "[";

        for (size_t i = 0; rule->names[i]; i++) {
                if (is_local(table, rule->names[i]))
                        continue;
                text_format(out, "%shas(self.%s)", before, rule->names[i]);
                before = ", ";
        }
        text_format(out, "].filter(given, given).size() %s", condition);
}

/* Of a choice that is smaller in an object than in a file, what is left. */
static json_t *words_of(const struct option_table *table, const struct option_rule *rule)
{
        autotext words = {0};
        bool fewer = false;

        for (size_t i = 0; rule->kind == RULE_ONE && rule->names[i]; i++) {
                bool local = is_local(table, rule->names[i]);

                fewer |= local;
                if (!local)
                        text_format(&words, "%s%s", words.length ? ", " : "expected exactly one of ",
                                    rule->names[i]);
        }
        return json_string(fewer ? words.data : rule->words);
}

static void put_together(const struct option_rule *rule, struct text *out)
{
        for (size_t i = 1; rule->names[i]; i++)
                text_format(out, "%shas(self.%s) == has(self.%s)", i > 1 ? " && " : "", rule->names[0],
                            rule->names[i]);
}

static json_t *between(const struct option_table *table, const struct option_rule *rule)
{
        bool told_there = rule->kind == RULE_ORDER || rule->kind == RULE_NEEDS;
        autofree char *place = memory_format(".%s", rule->names[0]);
        autotext words = {0};
        json_t *made;

        switch (rule->kind) {
        case RULE_ORDER:
                put_order(table, rule, &words);
                break;
        case RULE_ONE:
                put_count(table, rule, "== 1", &words);
                break;
        case RULE_AT_MOST_ONE:
                put_count(table, rule, "<= 1", &words);
                break;
        case RULE_TOGETHER:
                put_together(rule, &words);
                break;
        case RULE_NEEDS:
                text_format(&words, "!has(self.%s) || has(self.%s)", rule->names[0], rule->names[1]);
                break;
        }
        made = rule_new(words.data, "");
        json_object_set_new(made, "message", words_of(table, rule));
        if (told_there)
                json_object_set_new(made, "fieldPath", json_string(place));
        return made;
}

json_t *crd_section_rules(const struct option_table *table)
{
        json_t *rules;

        if (!table->rules)
                return NULL;
        rules = json_array();
        for (const struct option_rule *rule = table->rules; rule->names[0]; rule++)
                json_array_append_new(rules, between(table, rule));
        return rules;
}
