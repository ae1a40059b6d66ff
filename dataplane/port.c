#include "dataplane/port.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include "base/log.h"

enum { DESCRIPTORS = 512, LINK_WAIT_MS = 2000, LINK_STEP_MS = 20 };
enum { MTU_MIN = 1280, MTU_MAX = 1500 }; // IPv6 needs the one; one frame is one mbuf

static const uint64_t rss_wanted = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP;
static const uint64_t tx_checksums = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
static const uint64_t tx_cutting = RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
static const uint64_t rx_checksums = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;

// Whether the port can spread flows over `workers` queues with our key and table.
static bool spreads_itself(const struct rte_eth_dev_info *info, unsigned workers)
{
    return workers > 1 && (info->flow_type_rss_offloads & rss_wanted) == rss_wanted &&
           info->max_rx_queues >= workers && info->max_tx_queues >= workers &&
           info->hash_key_size == TCPSTACK_RSS_KEY_SIZE && info->reta_size > 0;
}

// The TAP driver offers checksums and segmentation and then does both in software, with a copy of
// every header and a system call for every segment; ours are cheaper.
static bool is_tap(const struct rte_eth_dev_info *info)
{
    return strcmp(info->driver_name, "net_tap") == 0;
}

// Checksums as far as they are offered; segmentation only with both of them, and from a port that
// takes our longest chain of mbufs.
static uint64_t tx_offloads_of(const struct rte_eth_dev_info *info)
{
    const uint64_t whole = tx_checksums | tx_cutting;
    uint16_t chain = info->tx_desc_lim.nb_seg_max; // 0 when the driver does not say
    bool cuts = (info->tx_offload_capa & whole) == whole &&
                (chain == 0 || chain >= TCPSTACK_LARGE_SEGMENTS);
    return cuts ? whole : info->tx_offload_capa & tx_checksums;
}

static void plan(const struct rte_eth_dev_info *info, unsigned workers,
                 enum dataplane_offloads offloads, struct rte_eth_conf *conf,
                 struct dataplane_port *port)
{
    memset(conf, 0, sizeof *conf);
    port->queues = 1;
    if (spreads_itself(info, workers)) {
        port->queues = (uint16_t)workers;
        conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        conf->rx_adv_conf.rss_conf.rss_key = (uint8_t *)(uintptr_t)tcpstack_rss_key;
        conf->rx_adv_conf.rss_conf.rss_key_len = TCPSTACK_RSS_KEY_SIZE;
        conf->rx_adv_conf.rss_conf.rss_hf = rss_wanted;
    }
    if (offloads == DATAPLANE_OFFLOADS_ALL || !is_tap(info)) {
        conf->txmode.offloads = tx_offloads_of(info);
        conf->rxmode.offloads = info->rx_offload_capa & rx_checksums;
    }
    port->stack.tx_offloads = conf->txmode.offloads;
    port->stack.rx_offloads = conf->rxmode.offloads;
}

// Fills the redirection table with the one flow-to-core function.
static int fill_redirection(const struct dataplane_port *port, uint16_t rows)
{
    struct rte_eth_rss_reta_entry64 table[RTE_ETH_RSS_RETA_SIZE_512 / RTE_ETH_RETA_GROUP_SIZE];
    memset(table, 0, sizeof table);
    for (uint16_t row = 0; row < rows && row < RTE_ETH_RSS_RETA_SIZE_512; row++) {
        struct rte_eth_rss_reta_entry64 *group = &table[row / RTE_ETH_RETA_GROUP_SIZE];
        group->mask |= 1ull << row % RTE_ETH_RETA_GROUP_SIZE;
        group->reta[row % RTE_ETH_RETA_GROUP_SIZE] =
            (uint16_t)tcpstack_flow_core(row, port->queues);
    }
    return rte_eth_dev_rss_reta_update(port->port_id, table, rows);
}

static int set_up_queues(const struct dataplane_port *port, struct rte_mempool *const *pools)
{
    uint16_t rx = DESCRIPTORS, tx = DESCRIPTORS;
    int result = rte_eth_dev_adjust_nb_rx_tx_desc(port->port_id, &rx, &tx);
    int socket = rte_eth_dev_socket_id(port->port_id);
    for (uint16_t q = 0; q < port->queues && result == 0; q++) {
        result = rte_eth_rx_queue_setup(port->port_id, q, rx, (unsigned)socket, NULL, pools[q]);
        if (result == 0)
            result = rte_eth_tx_queue_setup(port->port_id, q, tx, (unsigned)socket, NULL);
    }
    return result;
}

static void wait_for_link(const struct dataplane_port *port)
{
    struct rte_eth_link link = {.link_status = RTE_ETH_LINK_DOWN};
    for (int waited = 0; waited < LINK_WAIT_MS; waited += LINK_STEP_MS) {
        if (rte_eth_link_get_nowait(port->port_id, &link) == 0 && link.link_status)
            return;
        rte_delay_us_sleep(LINK_STEP_MS * 1000);
    }
    base_warning("port %s: the link is down; serving begins when it comes up", port->name);
}

// Neighbour discovery comes to groups (RFC 4861 7.2.2). A port that cannot take them all may still
// take these.
static void take_groups(const struct dataplane_port *port)
{
    int result = rte_eth_allmulticast_enable(port->port_id);
    if (result != 0 && result != -ENOTSUP)
        base_warning("port %s: does not receive multicast: %s; IPv6 neighbours may not find it",
                     port->name, rte_strerror(-result));
}

// net_tap compares what it has cut, Ethernet header included, to the MTU: full segments must leave
// room for that.
static uint16_t room_for_cutting(const struct rte_eth_dev_info *info,
                                 const struct dataplane_port *port)
{
    enum { HEADER_MAX = 18 }; // Ethernet with a tag
    return is_tap(info) && (port->stack.tx_offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO) ? HEADER_MAX : 0;
}

static bool describe(const struct rte_eth_dev_info *info, struct dataplane_port *port)
{
    struct rte_ether_addr mac;
    uint16_t mtu;
    if (rte_eth_macaddr_get(port->port_id, &mac) != 0 ||
        rte_eth_dev_get_mtu(port->port_id, &mtu) != 0)
        return false;
    port->stack.port_id = port->port_id;
    memcpy(port->stack.mac, mac.addr_bytes, sizeof port->stack.mac);
    port->stack.mtu = (uint16_t)((mtu < MTU_MAX ? mtu : MTU_MAX) - room_for_cutting(info, port));
    return true;
}

static void say_offloads(const struct dataplane_port *port)
{
    uint64_t tx = port->stack.tx_offloads;
    base_info("port %s: TCP checksums by %s, TCP segmentation by %s", port->name,
              tx & RTE_ETH_TX_OFFLOAD_TCP_CKSUM ? "the port" : "software",
              tx & RTE_ETH_TX_OFFLOAD_TCP_TSO ? "the port" : "software");
}

bool dataplane_port_start(uint16_t port_id, unsigned workers, struct rte_mempool *const *pools,
                          struct dataplane_port *ret_port)
{
    return dataplane_port_start_with(port_id, workers, pools, DATAPLANE_OFFLOADS_REAL, ret_port);
}

bool dataplane_port_start_with(uint16_t port_id, unsigned workers, struct rte_mempool *const *pools,
                               enum dataplane_offloads offloads, struct dataplane_port *ret_port)
{
    struct dataplane_port port = {.port_id = port_id};
    struct rte_eth_dev_info info;
    struct rte_eth_conf conf;
    if (rte_eth_dev_get_name_by_port(port_id, port.name) != 0 ||
        rte_eth_dev_info_get(port_id, &info) != 0) {
        base_error("port %u: the driver does not describe it", port_id);
        return false;
    }
    plan(&info, workers, offloads, &conf, &port);
    const char *step = "configure";
    int result = rte_eth_dev_configure(port_id, port.queues, port.queues, &conf);
    if (result == 0) {
        step = "queue setup";
        result = set_up_queues(&port, pools);
    }
    if (result == 0) {
        step = "start";
        result = rte_eth_dev_start(port_id);
    }
    if (result == 0 && port.queues > 1) {
        step = "RSS redirection table";
        result = fill_redirection(&port, info.reta_size);
    }
    if (result != 0 || !describe(&info, &port)) {
        base_error("port %s (driver %s): %s failed: %s", port.name, info.driver_name, step,
                   rte_strerror(-result));
        return false;
    }
    if (port.stack.mtu < MTU_MIN) {
        base_error("port %s: its MTU is %u; set it to %d or more", port.name, port.stack.mtu,
                   MTU_MIN);
        return false;
    }
    say_offloads(&port);
    take_groups(&port);
    wait_for_link(&port);
    *ret_port = port;
    return true;
}

void dataplane_port_stop(const struct dataplane_port *port)
{
    rte_eth_dev_stop(port->port_id);
    rte_eth_dev_close(port->port_id);
}
