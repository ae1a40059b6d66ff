#include "control/control.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/log.h"
#include "control/changes.h"
#include "control/clock.h"
#include "control/reload.h"
#include "control/socket.h"

enum { SIGNAL_COUNT = 3 };
static const int signals[SIGNAL_COUNT] = {SIGTERM, SIGINT, SIGHUP};

struct control {
    struct control_options options;
    struct event_base *base;
    struct control_changes *changes;
    struct control_socket *socket;
    struct event *signal_events[SIGNAL_COUNT];
    struct event *stop_event;
    int stop_fd; // control_stop writes, the loop reads
};

static void on_stop(evutil_socket_t fd, short what, void *context)
{
    struct control *control = context;
    (void)fd, (void)what;
    event_base_loopbreak(control->base);
}

static void on_signal(evutil_socket_t number, short what, void *context)
{
    struct control *control = context;
    (void)what;
    if (number != SIGHUP)
        event_base_loopbreak(control->base);
    else
        control_reload_signal(control->options.reload);
}

static bool listen_to_events(struct control *control)
{
    control->stop_event =
        event_new(control->base, control->stop_fd, EV_READ | EV_PERSIST, on_stop, control);
    if (control->stop_event == NULL || event_add(control->stop_event, NULL) != 0)
        return false;
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        control->signal_events[i] = evsignal_new(control->base, signals[i], on_signal, control);
        if (control->signal_events[i] == NULL || event_add(control->signal_events[i], NULL) != 0)
            return false;
    }
    return true;
}

struct control *control_create(const struct control_options *options)
{
    uint64_t started_us = control_now_us();
    struct control *control = calloc(1, sizeof *control);
    if (control == NULL) {
        base_error("control: no memory");
        return NULL;
    }
    control->options = *options;
    control->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    control->base = event_base_new();
    // A client that leaves before its reply must not end the server.
    signal(SIGPIPE, SIG_IGN);
    control->options.reload = control_reload_create(&control->options);
    if (control->stop_fd >= 0 && control->base != NULL && control->options.reload != NULL)
        control->changes = control_changes_create(control->base, &control->options);
    if (control->changes != NULL)
        control->socket =
            control_socket_create(control->base, &control->options, control->changes, started_us);
    // The signals come last: a process that is refused its socket must not have taken them.
    if (control->socket == NULL || !listen_to_events(control)) {
        base_error("control: the control thread cannot be set up");
        control_destroy(control);
        return NULL;
    }
    return control;
}

int control_run(struct control *control)
{
    return event_base_dispatch(control->base) < 0 ? -1 : 0;
}

void control_stop(struct control *control)
{
    uint64_t one = 1;
    // It can only fail when the counter is at its end, and then the loop is stopping already.
    ssize_t written = write(control->stop_fd, &one, sizeof one);
    (void)written;
}

void control_destroy(struct control *control)
{
    if (control == NULL)
        return;
    control_socket_destroy(control->socket);
    control_changes_destroy(control->changes);
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        if (control->signal_events[i] != NULL)
            event_free(control->signal_events[i]);
    }
    control_reload_destroy(control->options.reload);
    if (control->stop_event != NULL)
        event_free(control->stop_event);
    if (control->base != NULL)
        event_base_free(control->base);
    if (control->stop_fd >= 0)
        close(control->stop_fd);
    free(control);
}
