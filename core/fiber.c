/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/fiber.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "core/memory.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define FIBER_SANITIZED
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define FIBER_SANITIZED
#endif

#ifdef FIBER_SANITIZED
#include <sanitizer/common_interface_defs.h>
#endif

#define FREE_STACKS_MAX 32 /* kept for reuse; a burst of more is given back */

struct fiber_stacks {
        void *stack[FREE_STACKS_MAX];
        size_t count;
};

struct fiber_context {
        ucontext_t own, entered_from;
        void *stack;
        void (*run)(void *argument);
        void *argument;
        bool ended;
        /* AddressSanitizer has to be told of every switch of stacks. */
        void *shadow_own, *shadow_entered_from;
        const void *stack_entered_from;
        size_t size_entered_from;
};

/* ---- stacks ---- */

static size_t page_bytes(void)
{
        return (size_t)sysconf(_SC_PAGESIZE);
}

static void *stack_map(void)
{
        size_t room = FIBER_STACK_BYTES + page_bytes();
        const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK;
        /* cppcheck-suppress invalidFunctionArg ; what goes with MAP_ANONYMOUS */
        char *stack = mmap(NULL, room, PROT_READ | PROT_WRITE, flags, -1, 0);

        if (stack == MAP_FAILED || mprotect(stack, page_bytes(), PROT_NONE) != 0) {
                perror("optctl: no memory for a stack");
                abort();
        }
        return stack;
}

static void stack_unmap(void *stack)
{
        munmap(stack, FIBER_STACK_BYTES + page_bytes());
}

struct fiber_stacks *fiber_stacks_new(void)
{
        return memory_new(1, sizeof(struct fiber_stacks));
}

void fiber_stacks_free(struct fiber_stacks *stacks)
{
        if (!stacks)
                return;
        while (stacks->count > 0)
                stack_unmap(stacks->stack[--stacks->count]);
        free(stacks);
}

/* ---- switching ---- */

static void switch_begins(void **ret_shadow, const void *bottom, size_t size)
{
#ifdef FIBER_SANITIZED
        __sanitizer_start_switch_fiber(ret_shadow, bottom, size);
#else
        (void)ret_shadow;
        (void)bottom;
        (void)size;
#endif
}

static void switch_ended(void *shadow, const void **ret_bottom, size_t *ret_size)
{
#ifdef FIBER_SANITIZED
        __sanitizer_finish_switch_fiber(shadow, ret_bottom, ret_size);
#else
        (void)shadow;
        (void)ret_bottom;
        (void)ret_size;
#endif
}

/* makecontext passes ints: a pointer comes in two halves. */
static void start(unsigned high, unsigned low)
{
        struct fiber_context *context = (struct fiber_context *)((uintptr_t)high << 32 | (uintptr_t)low);

        switch_ended(NULL, &context->stack_entered_from, &context->size_entered_from);
        context->run(context->argument);
        context->ended = true;
        /* A shadow of NULL: this stack is not come back to. */
        switch_begins(NULL, context->stack_entered_from, context->size_entered_from);
        setcontext(&context->entered_from);
}

struct fiber_context *fiber_context_new(struct fiber_stacks *stacks, void (*run)(void *argument),
                                        void *argument)
{
        struct fiber_context *context = memory_new(1, sizeof *context);
        uintptr_t self = (uintptr_t)context;

        context->stack = stacks->count > 0 ? stacks->stack[--stacks->count] : stack_map();
        context->run = run;
        context->argument = argument;
        /* POSIX has dropped these calls and has nothing in their place; glibc keeps them. */
        getcontext(&context->own); /* cppcheck-suppress getcontextCalled */
        context->own.uc_stack.ss_sp = (char *)context->stack + page_bytes();
        context->own.uc_stack.ss_size = FIBER_STACK_BYTES;
        context->own.uc_link = NULL;
        makecontext(&context->own, (void (*)(void))start, 2, (unsigned)(self >> 32), (unsigned)self);
        return context;
}

void fiber_context_free(struct fiber_stacks *stacks, struct fiber_context *context)
{
        if (!context)
                return;
        if (stacks->count < FREE_STACKS_MAX)
                stacks->stack[stacks->count++] = context->stack;
        else
                stack_unmap(context->stack);
        free(context);
}

bool fiber_enter(struct fiber_context *context)
{
        switch_begins(&context->shadow_entered_from, context->own.uc_stack.ss_sp, FIBER_STACK_BYTES);
        swapcontext(&context->entered_from, &context->own); /* cppcheck-suppress swapcontextCalled */
        switch_ended(context->shadow_entered_from, NULL, NULL);
        return context->ended;
}

void fiber_leave(struct fiber_context *context)
{
        switch_begins(&context->shadow_own, context->stack_entered_from, context->size_entered_from);
        swapcontext(&context->own, &context->entered_from); /* cppcheck-suppress swapcontextCalled */
        switch_ended(context->shadow_own, &context->stack_entered_from, &context->size_entered_from);
}
