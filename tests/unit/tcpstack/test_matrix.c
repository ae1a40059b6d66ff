// Every state by every kind of segment: 11 states, 16 sets of FIN, SYN, RST and ACK, 7 places of
// the sequence number, 6 of the acknowledgement, with and without payload. What must come of each
// is worked out by the rules below, which are RFC 9293 3.10.7 as it stands, in its order, with RFC
// 5961 where it refers to it; where the stack goes its own way a rule says so ("ours").
#include <stdio.h>
#include <string.h>

#include "tests/unit/tcpstack/harness.h"

#include "tcpstack/tcp_conn.h"

enum state {
    CLOSED,
    LISTEN,
    SYN_SENT,
    SYN_RECEIVED,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    CLOSE_WAIT,
    CLOSING,
    LAST_ACK,
    TIME_WAIT,
    STATES,
    SAME, // as `next` of a rule
};

static const char *const state_names[] = {
    "CLOSED",     "LISTEN",     "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1",
    "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING",  "LAST-ACK",     "TIME-WAIT",
};

enum answer {
    UNCHANGED, // as `answer` of a rule
    NOTHING,
    AN_ACK,        // <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>
    A_SYN_ACK,     // <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>
    A_RESET,       // <SEQ=SEG.ACK><CTL=RST>
    A_RESET_ACK,   // <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>
    ANOTHER_START, // a SYN-ACK with a new ISS: a new connection
};

static const char *const answer_names[] = {"unchanged", "nothing", "ACK",      "SYN-ACK",
                                           "RST",       "RST-ACK", "new start"};

// Names after RFC 9293 3.3.1.
struct machine {
    enum state state;
    enum answer answer;
    uint32_t iss, una, nxt, max_window; // SND
    uint32_t irs, rcv_nxt, rcv_edge;    // RCV.NXT + RCV.WND
    // The segment.
    uint8_t flags;
    uint32_t seq, ack;
    uint16_t size;
};

static uint32_t length(const struct machine *m)
{
    return m->size + ((m->flags & SYN) != 0) + ((m->flags & FIN) != 0);
}

static bool below(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

static bool in_window(const struct machine *m, uint32_t number)
{
    return !below(number, m->rcv_nxt) && below(number, m->rcv_edge);
}

// ---- conditions of the rules

static bool always(const struct machine *m)
{
    (void)m;
    return true;
}

static bool has_rst(const struct machine *m)
{
    return m->flags & RST;
}

static bool has_ack(const struct machine *m)
{
    return m->flags & ACK;
}

static bool has_no_ack(const struct machine *m)
{
    return !has_ack(m);
}

static bool has_syn(const struct machine *m)
{
    return m->flags & SYN;
}

static bool has_syn_and_fin(const struct machine *m)
{
    return (m->flags & (SYN | FIN)) == (SYN | FIN);
}

static bool answers_no_syn_of_ours(const struct machine *m)
{
    return has_ack(m) && (!below(m->iss, m->ack) || below(m->nxt, m->ack));
}

static bool answers_no_syn_of_ours_with_reset(const struct machine *m)
{
    return answers_no_syn_of_ours(m) && has_rst(m);
}

static bool has_rst_and_ack(const struct machine *m)
{
    return has_rst(m) && has_ack(m);
}

static bool has_syn_and_ack(const struct machine *m)
{
    return has_syn(m) && has_ack(m);
}

// The table of 3.10.7.4 for a window that is open, as all are here.
static bool is_unacceptable(const struct machine *m)
{
    uint32_t size = length(m);
    if (size == 0)
        return !in_window(m, m->seq);
    return !in_window(m, m->seq) && !in_window(m, m->seq + size - 1);
}

static bool is_unacceptable_reset(const struct machine *m)
{
    return has_rst(m) && !in_window(m, m->seq);
}

static bool is_their_syn_again(const struct machine *m)
{
    return (m->flags & (SYN | ACK | RST)) == SYN && m->seq == m->irs && is_unacceptable(m);
}

static bool is_exact_reset(const struct machine *m)
{
    return has_rst(m) && m->seq == m->rcv_nxt;
}

static bool begins_anew(const struct machine *m)
{
    return (m->flags & (SYN | ACK | RST | FIN)) == SYN && below(m->rcv_nxt, m->seq);
}

static bool acknowledges_the_syn(const struct machine *m)
{
    return below(m->una, m->ack) && !below(m->nxt, m->ack);
}

static bool acknowledges_the_unbelievable(const struct machine *m)
{
    return below(m->ack, m->una - m->max_window) || below(m->nxt, m->ack);
}

static bool acknowledges_our_fin(const struct machine *m)
{
    return m->ack == m->nxt;
}

static bool has_text_or_fin(const struct machine *m)
{
    return m->size != 0 || m->flags & FIN;
}

static bool is_out_of_order(const struct machine *m)
{
    return has_text_or_fin(m) && below(m->rcv_nxt, m->seq);
}

static bool has_text(const struct machine *m)
{
    return m->size != 0;
}

static bool has_fin(const struct machine *m)
{
    return m->flags & FIN;
}

// ---- effects

static void learn_their_numbers(struct machine *m)
{
    m->rcv_nxt = m->seq + 1;
}

static void take_acknowledgement(struct machine *m)
{
    if (below(m->una, m->ack))
        m->una = m->ack;
}

static void take_text(struct machine *m)
{
    m->rcv_nxt = m->seq + m->size;
}

static void take_fin(struct machine *m)
{
    m->rcv_nxt++;
}

// ---- the rules

#define IN(state)    (1u << (state))
#define SYNCHRONIZED (IN(ESTABLISHED) | FIN_SEEN | IN(FIN_WAIT_1) | IN(FIN_WAIT_2))
#define FIN_SEEN     (IN(CLOSE_WAIT) | IN(CLOSING) | IN(LAST_ACK) | IN(TIME_WAIT))
#define OPEN         (IN(SYN_RECEIVED) | SYNCHRONIZED)

// All rules whose condition holds apply, in order, until one that stops.
struct rule {
    const char *clause;
    unsigned states;
    bool (*when)(const struct machine *m);
    enum answer answer;
    enum state next;
    bool stop;
    void (*then)(struct machine *m);
};

static const struct rule rules[] = {
    {"3.10.7.1: an incoming RST is discarded", IN(CLOSED), has_rst, NOTHING, SAME, true, NULL},
    {"3.10.7.1: without ACK, number 0 is used", IN(CLOSED), has_no_ack, A_RESET_ACK, SAME, true,
     NULL},
    {"3.10.7.1: with ACK, the number is its", IN(CLOSED), has_ack, A_RESET, SAME, true, NULL},

    {"3.10.7.2 first: RST is ignored", IN(LISTEN), has_rst, NOTHING, SAME, true, NULL},
    {"3.10.7.2 second: any ACK is bad", IN(LISTEN), has_ack, A_RESET, SAME, true, NULL},
    {"ours: SYN with FIN is no beginning", IN(LISTEN), has_syn_and_fin, NOTHING, SAME, true, NULL},
    {"3.10.7.2 third: SYN", IN(LISTEN), has_syn, ANOTHER_START, SYN_RECEIVED, true,
     learn_their_numbers},
    {"3.10.7.2 fourth: anything else", IN(LISTEN), always, NOTHING, SAME, true, NULL},

    {"3.10.7.3 first: a RST gets no answer", IN(SYN_SENT), answers_no_syn_of_ours_with_reset,
     NOTHING, SAME, true, NULL},
    {"3.10.7.3 first: an ACK for something else", IN(SYN_SENT), answers_no_syn_of_ours, A_RESET,
     SAME, true, NULL},
    {"3.10.7.3 second: RST with the right ACK", IN(SYN_SENT), has_rst_and_ack, NOTHING, CLOSED,
     true, NULL},
    {"3.10.7.3 second: RST without ACK", IN(SYN_SENT), has_rst, NOTHING, SAME, true, NULL},
    {"ours: SYN with FIN is no beginning", IN(SYN_SENT), has_syn_and_fin, NOTHING, SAME, true,
     NULL},
    {"3.10.7.3 fourth: SYN, ours acknowledged", IN(SYN_SENT), has_syn_and_ack, AN_ACK, ESTABLISHED,
     true, learn_their_numbers},
    {"3.10.7.3 fourth: SYN", IN(SYN_SENT), has_syn, A_SYN_ACK, SYN_RECEIVED, true,
     learn_their_numbers},
    {"3.10.7.3 fifth: neither SYN nor RST", IN(SYN_SENT), always, NOTHING, SAME, true, NULL},

    {"3.6.1, MAY-2: a SYN reopens from TIME-WAIT", IN(TIME_WAIT), begins_anew, ANOTHER_START,
     SYN_RECEIVED, true, learn_their_numbers},
    {"3.10.7.4 first, RFC 5961 3.2 (1): RST outside the window", OPEN, is_unacceptable_reset,
     NOTHING, SAME, true, NULL},
    {"ours: their SYN again gets our SYN-ACK again", IN(SYN_RECEIVED), is_their_syn_again,
     A_SYN_ACK, SAME, true, NULL},
    {"3.10.7.4 first: not acceptable", OPEN, is_unacceptable, AN_ACK, SAME, true, NULL},
    {"RFC 1337 3, fix 1: TIME-WAIT ignores RST", IN(TIME_WAIT), has_rst, NOTHING, SAME, true, NULL},
    {"3.10.7.4 second, RFC 5961 3.2 (2): the exact RST; back to LISTEN", IN(SYN_RECEIVED),
     is_exact_reset, NOTHING, LISTEN, true, NULL},
    {"3.10.7.4 second, RFC 5961 3.2 (2): the exact RST", SYNCHRONIZED, is_exact_reset, NOTHING,
     CLOSED, true, NULL},
    {"RFC 5961 3.2 (3): RST elsewhere in the window", OPEN, has_rst, AN_ACK, SAME, true, NULL},
    {"3.10.7.4 fourth: SYN; back to LISTEN", IN(SYN_RECEIVED), has_syn, NOTHING, LISTEN, true,
     NULL},
    {"3.10.7.4 fourth, RFC 5961 4.2: SYN", SYNCHRONIZED, has_syn, AN_ACK, SAME, true, NULL},
    {"3.10.7.4 fifth: no ACK", OPEN, has_no_ack, NOTHING, SAME, true, NULL},
    {"3.10.7.4 fifth: our SYN acknowledged", IN(SYN_RECEIVED), acknowledges_the_syn, NOTHING,
     ESTABLISHED, false, take_acknowledgement},
    {"3.10.7.4 fifth: our SYN not acknowledged", IN(SYN_RECEIVED), always, A_RESET, SAME, true,
     NULL},
    {"3.10.7.4 fifth, RFC 5961 5.2: too old, or never sent", SYNCHRONIZED,
     acknowledges_the_unbelievable, AN_ACK, SAME, true, NULL},
    {"3.10.7.4 fifth: CLOSING, our FIN acknowledged", IN(CLOSING), acknowledges_our_fin, NOTHING,
     TIME_WAIT, false, take_acknowledgement},
    {"3.10.7.4 fifth: LAST-ACK, our FIN acknowledged", IN(LAST_ACK), acknowledges_our_fin, NOTHING,
     CLOSED, true, NULL},
    {"3.10.7.4 fifth: FIN-WAIT-1, our FIN acknowledged", IN(FIN_WAIT_1), acknowledges_our_fin,
     NOTHING, FIN_WAIT_2, false, take_acknowledgement},
    {"3.10.7.4 fifth: SND.UNA", SYNCHRONIZED, always, NOTHING, SAME, false, take_acknowledgement},
    // "Ignore the segment text": the ACK tells a peer that has lost ours where we are.
    {"3.10.7.4 seventh and eighth: nothing follows a FIN; ours: ACK", FIN_SEEN, has_text_or_fin,
     AN_ACK, SAME, true, NULL},
    {"3.10.7.4 seventh, RFC 5681 4.2: out of order", SYNCHRONIZED, is_out_of_order, AN_ACK, SAME,
     true, NULL},
    {"3.10.7.4 seventh: the text", SYNCHRONIZED, has_text, AN_ACK, SAME, false, take_text},
    {"3.10.7.4 eighth: FIN in ESTABLISHED", IN(ESTABLISHED), has_fin, AN_ACK, CLOSE_WAIT, true,
     take_fin},
    {"3.10.7.4 eighth: FIN in FIN-WAIT-1", IN(FIN_WAIT_1), has_fin, AN_ACK, CLOSING, true,
     take_fin},
    {"3.10.7.4 eighth: FIN in FIN-WAIT-2", IN(FIN_WAIT_2), has_fin, AN_ACK, TIME_WAIT, true,
     take_fin},
};

static unsigned uses[RTE_DIM(rules)];

// Returns the last rule that applied.
static const struct rule *judge(struct machine *m)
{
    const struct rule *last = NULL;
    m->answer = NOTHING;
    for (size_t i = 0; i < RTE_DIM(rules); i++) {
        const struct rule *rule = &rules[i];
        if (!(rule->states & IN(m->state)) || !rule->when(m))
            continue;
        last = rule;
        uses[i]++;
        if (rule->answer != UNCHANGED)
            m->answer = rule->answer;
        if (rule->next != SAME)
            m->state = rule->next;
        if (rule->then != NULL)
            rule->then(m);
        if (rule->stop)
            break;
    }
    return last;
}

// ---- the stack brought into a state

enum { CLOSED_PORT = 136, PEER_PORT = 40000 };

struct stage {
    struct harness *h;
    struct harness_peer peer;
    struct tcp_conn *conn;
    uint32_t seen_nxt, seen_edge; // from the stack's own segments
};

static bool look(struct stage *stage, struct harness_segment *segment)
{
    if (!harness_receive(stage->h, segment))
        return false;
    uint32_t size = segment->size + ((segment->flags & SYN) != 0) + ((segment->flags & FIN) != 0);
    stage->seen_nxt = segment->seq + size;
    if (segment->flags & ACK)
        stage->seen_edge = segment->ack + segment->window;
    return true;
}

static void look_at_all(struct stage *stage)
{
    struct harness_segment segment;
    harness_flush(stage->h);
    while (look(stage, &segment)) {
    }
}

static void from_peer(struct stage *stage, uint8_t flags)
{
    harness_send(stage->h, &stage->peer, flags, NULL, 0);
    look_at_all(stage);
}

static void open_actively(struct stage *stage, struct machine *m)
{
    struct harness_segment segment;
    struct tcp_endpoints ends = {TCPSTACK_IPV4(HARNESS_SERVER_IPV4),
                                 TCPSTACK_IPV4(HARNESS_CLIENT_IPV4), HARNESS_TCP_PORT, PEER_PORT};
    stage->conn = tcp_connect(stage->h->stack, &ends, HARNESS_PORT, harness_client_mac);
    assert_non_null(stage->conn);
    assert_true(look(stage, &segment));
    m->iss = m->una = segment.seq;
}

static void open_passively(struct stage *stage, struct machine *m, bool whole)
{
    struct harness_segment segment;
    m->irs = stage->peer.seq;
    harness_send_syn(stage->h, &stage->peer);
    assert_true(look(stage, &segment));
    m->iss = m->una = segment.seq;
    stage->peer.ack = segment.seq + 1;
    if (!whole)
        return;
    from_peer(stage, ACK);
    m->una++;
    assert_int_equal(harness_events(stage->h, &stage->conn), TCP_EVENT_OPENED);
}

// Three bytes that the peer does not acknowledge, so that there is something to acknowledge.
static void write_and_close(struct stage *stage, bool write, bool close)
{
    if (write)
        assert_true(tcp_write(stage->conn, "abc", 3));
    if (close)
        tcp_close(stage->conn);
    look_at_all(stage);
}

static void advance_to(struct stage *stage, struct machine *m)
{
    switch (m->state) {
    case ESTABLISHED:
        write_and_close(stage, true, false);
        break;
    case CLOSE_WAIT:
    case LAST_ACK:
        from_peer(stage, FIN | ACK);
        write_and_close(stage, true, m->state == LAST_ACK);
        break;
    case FIN_WAIT_1:
    case CLOSING:
        write_and_close(stage, true, true);
        if (m->state == CLOSING)
            from_peer(stage, FIN | ACK);
        break;
    default: // FIN-WAIT-2, TIME-WAIT
        write_and_close(stage, false, true);
        m->una = ++stage->peer.ack;
        from_peer(stage, ACK);
        if (m->state == TIME_WAIT)
            from_peer(stage, FIN | ACK);
        break;
    }
}

static void enter(struct stage *stage, struct machine *m)
{
    *m = (struct machine){.state = m->state, .rcv_nxt = 5000, .rcv_edge = 5000 + 65535};
    stage->peer = harness_peer(PEER_PORT);
    stage->conn = NULL;
    stage->seen_nxt = m->iss = m->una = 9000;
    if (m->state == CLOSED)
        stage->peer.server_port = CLOSED_PORT;
    if (m->state == SYN_SENT)
        open_actively(stage, m);
    else if (m->state != CLOSED && m->state != LISTEN)
        open_passively(stage, m, m->state != SYN_RECEIVED);
    if (m->state > SYN_RECEIVED)
        advance_to(stage, m);
    m->nxt = stage->seen_nxt;
    m->max_window = stage->peer.window;
    if (m->state > SYN_SENT) {
        m->rcv_nxt = stage->peer.seq;
        m->rcv_edge = stage->seen_edge;
    }
    harness_events(stage->h, NULL);
}

static enum state state_of(const struct stage *stage, enum state from)
{
    static const enum state names[] = {
        [TCP_STATE_CLOSED] = CLOSED,
        [TCP_STATE_SYN_SENT] = SYN_SENT,
        [TCP_STATE_SYN_RECEIVED] = SYN_RECEIVED,
        [TCP_STATE_ESTABLISHED] = ESTABLISHED,
        [TCP_STATE_FIN_WAIT_1] = FIN_WAIT_1,
        [TCP_STATE_FIN_WAIT_2] = FIN_WAIT_2,
        [TCP_STATE_CLOSE_WAIT] = CLOSE_WAIT,
        [TCP_STATE_CLOSING] = CLOSING,
        [TCP_STATE_LAST_ACK] = LAST_ACK,
        [TCP_STATE_TIME_WAIT] = TIME_WAIT,
    };
    if (harness_counter(stage->h, TCPSTACK_TCP_HALF_OPEN) != 0)
        return SYN_RECEIVED;
    if (tcpstack_connections(stage->h->stack) == 0)
        return from == LISTEN || from == SYN_RECEIVED ? LISTEN : CLOSED;
    return names[stage->conn->state];
}

// ---- a case

enum { SEQ_PLACES = 7, ACK_PLACES = 6 };

static const char *const seq_names[SEQ_PLACES] = {
    "long before", "one before", "at RCV.NXT", "inside", "last in the window", "right edge", "far"};
static const char *const ack_names[ACK_PLACES] = {"ancient",  "one before", "at SND.UNA",
                                                  "one more", "at SND.NXT", "beyond"};

static void place(struct machine *m, unsigned seq, unsigned ack)
{
    const uint32_t numbers[SEQ_PLACES] = {m->rcv_nxt - 1000,      m->rcv_nxt - 1,  m->rcv_nxt,
                                          m->rcv_nxt + 100,       m->rcv_edge - 1, m->rcv_edge,
                                          m->rcv_nxt + (1u << 30)};
    const uint32_t acks[ACK_PLACES] = {
        m->una - m->max_window - 1, m->una - 1, m->una, m->una + 1, m->nxt, m->nxt + 1};
    m->seq = numbers[seq];
    m->ack = m->flags & ACK ? acks[ack] : 0;
}

static enum answer answer_of(const struct harness_segment *segment, const struct machine *m,
                             const struct machine *before)
{
    switch (segment->flags & ~PSH) {
    case RST:
        return segment->seq == before->ack ? A_RESET : UNCHANGED;
    case RST | ACK:
        return segment->seq == 0 && segment->ack == before->seq + length(before) ? A_RESET_ACK
                                                                                 : UNCHANGED;
    case SYN | ACK:
        if (segment->ack != m->rcv_nxt)
            return UNCHANGED;
        return segment->seq == before->iss && before->state != TIME_WAIT ? A_SYN_ACK
                                                                         : ANOTHER_START;
    case ACK:
        return segment->seq == before->nxt && segment->ack == m->rcv_nxt ? AN_ACK : UNCHANGED;
    default:
        return UNCHANGED;
    }
}

// What the stack answers; an ACK that is expected may take as long as a delayed one.
static enum answer listen_for_answer(struct stage *stage, const struct machine *m,
                                     const struct machine *before)
{
    struct harness_segment segment, more;
    if (!look(stage, &segment)) {
        if (m->answer != AN_ACK)
            return NOTHING;
        harness_advance(stage->h, 41000);
        if (!look(stage, &segment))
            return NOTHING;
    }
    enum answer answer = answer_of(&segment, m, before);
    return look(stage, &more) ? UNCHANGED : answer; // one segment, one answer
}

static bool run_case(struct harness *h, enum state state, uint8_t flags, unsigned seq, unsigned ack,
                     uint16_t size)
{
    static const uint8_t payload[] = "text";
    struct stage stage = {.h = h};
    struct machine m = {.state = state};
    harness_restart(h);
    enter(&stage, &m);
    if (m.state != state_of(&stage, state))
        fail_msg("did not get into %s", state_names[state]);
    m.flags = flags;
    m.size = size;
    place(&m, seq, ack);
    struct machine before = m;
    const struct rule *rule = judge(&m);
    harness_input(h, harness_build(h, &stage.peer, flags, m.seq, m.ack, NULL, 0, payload, size));
    harness_flush(h);
    enum answer answer = listen_for_answer(&stage, &m, &before);
    harness_events(h, &stage.conn); // where the segment has opened it
    enum state next = state_of(&stage, state);
    if (answer == m.answer && next == m.state)
        return true;
    print_error("%s, flags %s%s%s%s, sequence %s, ACK %s, %u bytes: answer %s, then %s; expected "
                "%s, then %s (%s)\n",
                state_names[state], flags & FIN ? "F" : "", flags & SYN ? "S" : "",
                flags & RST ? "R" : "", flags & ACK ? "A" : "", seq_names[seq], ack_names[ack],
                size, answer_names[answer], state_names[next], answer_names[m.answer],
                state_names[m.state], rule->clause);
    return false;
}

static void every_segment_in_every_state_is_answered_by_the_book(void **state)
{
    unsigned cases = 0, wrong = 0;
    for (unsigned in = 0; in < STATES; in++) {
        for (unsigned set = 0; set < 16; set++) {
            // FIN, SYN, RST as they stand in the header, ACK two places up.
            uint8_t flags = (uint8_t)((set & 7) | (set & 8) << 1);
            for (unsigned place_of = 0; place_of < SEQ_PLACES * ACK_PLACES * 2; place_of++) {
                cases++;
                wrong += !run_case(*state, in, flags, place_of / 2 / ACK_PLACES,
                                   place_of / 2 % ACK_PLACES, place_of % 2 ? 4 : 0);
            }
        }
    }
    print_message("%u cases, %u wrong\n", cases, wrong);
    assert_int_equal(wrong, 0);
    for (size_t i = 0; i < RTE_DIM(rules); i++) {
        if (uses[i] == 0)
            fail_msg("no case for the rule \"%s\"", rules[i].clause);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_segment_in_every_state_is_answered_by_the_book,
                                        harness_setup, harness_teardown),
    };
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
