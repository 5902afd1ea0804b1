/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The month's money: nothing dearer is started when, kept up to the end of the month, it would overspend. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/plugin.h"

struct money_budget {
        double per_month;
        char *currency;
};

struct budget_options {
        struct money_budget *budget; /* NULL: no limit */
};

static enum judgement other_currency(const struct money_budget *budget, const char *currency, char *reason)
{
        return finding_refuse(reason, "the budget is in %s, prices are in %s: nothing dearer is started",
                              budget->currency, currency);
}

/* One run is a trial, which may be kept: then all runs that are left cost as much. Where nothing tells what
 * it will cost, it is taken to cost what the newest run did; where that is not known either, nobody can tell
 * whether the budget is kept. One run at least is left. */
static enum judgement judge_runs(const struct money_budget *budget, const struct judgement_context *context,
                                 const struct proposal *proposal, char *reason)
{
        const char *currency = price_book_currency(context->prices);
        double predicted = proposal->prediction.present && proposal->prediction.run.present
                                   ? proposal->prediction.run.cost_mean
                                   : NAN;
        double cost = isfinite(predicted) ? predicted : context->run_cost;
        double left = isnan(context->runs_left) ? 1 : context->runs_left;
        double by_month_end = context->spent_this_month + cost * left;

        if (predicted <= context->run_cost)
                return JUDGEMENT_ALLOWED;
        if (isnan(cost))
                return finding_refuse(reason,
                                      "what a run costs is not known, so nothing tells whether the budget of "
                                      "%.2f %s is kept",
                                      budget->per_month, budget->currency);
        if (strcmp(budget->currency, currency) != 0)
                return other_currency(budget, currency, reason);
        if (by_month_end <= budget->per_month)
                return JUDGEMENT_ALLOWED;
        return finding_refuse(
                reason,
                "runs of %.4g %s would bring the month to %.2f %s (%.2f spent, %.3g runs left), "
                "over the budget of %.2f %s",
                cost, currency, by_month_end, currency, context->spent_this_month, left, budget->per_month,
                currency);
}

static enum judgement budget_judge(const void *object, const struct judgement_context *context,
                                   const struct proposal *proposal, struct configuration *configuration,
                                   char *reason)
{
        const struct money_budget *budget = ((const struct budget_options *)object)->budget;
        const char *currency = budget ? price_book_currency(context->prices) : NULL;
        struct deployment current, next;
        double hours_left, price, by_month_end;

        if (budget && context->observation->run.periodic)
                return judge_runs(budget, context, proposal, reason);
        pipeline_deployment(context->pipeline, &context->observation->configuration, &current);
        pipeline_deployment(context->pipeline, configuration, &next);
        if (!budget || next.workers <= current.workers)
                return JUDGEMENT_ALLOWED;
        if (strcmp(budget->currency, currency) != 0)
                return other_currency(budget, currency, reason);
        price = price_book_worker_hour(context->prices, context->now_ms);
        hours_left = (double)(clock_month_end_ms(context->now_ms) - context->now_ms) / MS_PER_HOUR;
        by_month_end = context->spent_this_month + next.workers * price * hours_left;
        if (by_month_end <= budget->per_month)
                return JUDGEMENT_ALLOWED;
        return finding_refuse(
                reason,
                "%d worker%s would bring the month to %.2f %s (%.2f spent, %.1f h left), over the "
                "budget of %.2f %s",
                next.workers, text_plural(next.workers), by_month_end, currency, context->spent_this_month,
                hours_left, budget->per_month, currency);
}

static const struct option money_options[] = {
        {.name = "perMonth",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct money_budget, per_month),
         .unit = "currency",
         .min = 0,
         .max = 1e12,
         .required = true,
         .help = "Money for one calendar month (UTC). A change that adds workers is refused when its run "
                 "rate would spend more by the end of the month; of a job that runs from time to time one "
                 "whose runs would, and any while it is not known what its runs cost."},
        {.name = "currency",
         .type = OPTION_TEXT,
         .offset = offsetof(struct money_budget, currency),
         .required = true,
         .help = "Currency of the budget, as in spec.prices."},
        {.name = NULL},
};

static const struct option_table money_table = {
        .name = "budget",
        .help = "The month's money.",
        .size = sizeof(struct money_budget),
        .options = money_options,
};

static const struct option options_list[] = {
        {.name = "budget",
         .type = OPTION_POINTER,
         .offset = offsetof(struct budget_options, budget),
         .table = &money_table,
         .help = "Money that the pipeline may cost in a calendar month. Without it there is no limit."},
        {.name = NULL},
};

static const struct option_table budget_options = {
        .name = "moneyBudget",
        .help = "Limits what the pipeline may cost in a month.",
        .size = sizeof(struct budget_options),
        .options = options_list,
};

const struct guardrail budget_guardrail = {
        .name = "budget",
        .summary = "the money of a month",
        .options = &budget_options,
        .judge = budget_judge,
};
