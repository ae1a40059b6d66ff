#include "dataplane/demo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "control/config.h"

static const char interface_name[] = "ptl0";

// %u: the worker's core; %s: the control socket.
static const char demo_yaml[] = "dataplane:\n"
                                "  ports:\n"
                                "    - device: net_tap0,iface=ptl0\n"
                                "  workers: [%u]\n"
                                "  hugepages: off\n"
                                "  memory: 256\n"
                                "network:\n"
                                "  addresses: [10.135.0.2/24, \"fd00:135::2/64\"]\n"
                                "listen:\n"
                                "  - ncacn_ip_tcp: 135\n"
                                "  - ncacn_http: 593\n"
                                "interfaces:\n"
                                "  rpcecho: true\n"
                                "mapper:\n"
                                "  endpoints:\n"
                                "    - interface: 12345778-1234-abcd-ef00-0123456789ab\n"
                                "      version: \"0.0\"\n"
                                "      binding: \"ncacn_ip_tcp:10.135.0.2[49153]\"\n"
                                "      annotation: LSA\n"
                                "    - interface: 12345778-1234-abcd-ef00-0123456789ab\n"
                                "      version: \"0.0\"\n"
                                "      binding: 'ncacn_np:PORTOLAN[\\pipe\\lsarpc]'\n"
                                "      annotation: LSA\n"
                                "    - interface: 12345778-1234-abcd-ef00-0123456789ac\n"
                                "      version: \"1.0\"\n"
                                "      binding: \"ncacn_ip_tcp:10.135.0.2[49154]\"\n"
                                "      annotation: SAM\n"
                                "    - interface: 338cd001-2244-31f1-aaaa-900038001003\n"
                                "      version: \"1.0\"\n"
                                "      binding: 'ncacn_np:PORTOLAN[\\pipe\\winreg]'\n"
                                "      annotation: Remote Registry\n"
                                "    - interface: 60a15ec5-4de8-11d7-a637-005056a20182\n"
                                "      version: \"1.0\"\n"
                                "      binding: \"ncacn_ip_tcp:10.135.0.2[135]\"\n"
                                "      annotation: rpcecho\n"
                                "    - interface: 60a15ec5-4de8-11d7-a637-005056a20182\n"
                                "      version: \"1.0\"\n"
                                "      binding: \"ncadg_ip_udp:10.135.0.2[49155]\"\n"
                                "      annotation: rpcecho\n"
                                "    - interface: 60a15ec5-4de8-11d7-a637-005056a20182\n"
                                "      version: \"1.0\"\n"
                                "      binding: \"ncacn_http:10.135.0.2[593]\"\n"
                                "      annotation: rpcecho\n"
                                "    - interface: 3c4728c5-f0ab-448b-bda1-6ce01eb0a6d5\n"
                                "      version: \"1.0\"\n"
                                "      binding: \"ncalrpc:[dhcpcsvc]\"\n"
                                "      annotation: DHCP Client LRPC Endpoint\n"
                                "    - interface: 3c4728c5-f0ab-448b-bda1-6ce01eb0a6d5\n"
                                "      version: \"1.0\"\n"
                                "      object: 6d726574-7273-0076-0000-000000000000\n"
                                "      binding: \"ncacn_ip_tcp:10.135.0.2[49157]\"\n"
                                "control:\n"
                                "  socket: \"%s\"\n";

// The highest core this process may use: core 0 is where a machine's other work tends to be.
static unsigned last_core(void)
{
    cpu_set_t allowed;
    unsigned last = 0;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return 0;
    for (unsigned core = 0; core < CPU_SETSIZE; core++) {
        if (CPU_ISSET(core, &allowed))
            last = core;
    }
    return last;
}

struct control_config *dataplane_demo_config(const char *socket_path)
{
    char text[sizeof demo_yaml + 512];
    snprintf(text, sizeof text, demo_yaml, last_core(),
             socket_path ? socket_path : "/run/portolan/control.sock");
    return control_config_parse("demo", text);
}

static bool set_ipv4(int fd)
{
    struct ifreq request = {0};
    struct sockaddr_in address = {.sin_family = AF_INET};
    strcpy(request.ifr_name, interface_name);
    inet_pton(AF_INET, "10.135.0.1", &address.sin_addr);
    memcpy(&request.ifr_addr, &address, sizeof address);
    if (ioctl(fd, SIOCSIFADDR, &request) != 0)
        return false;
    inet_pton(AF_INET, "255.255.255.0", &address.sin_addr);
    memcpy(&request.ifr_netmask, &address, sizeof address);
    if (ioctl(fd, SIOCSIFNETMASK, &request) != 0)
        return false;
    if (ioctl(fd, SIOCGIFFLAGS, &request) != 0)
        return false;
    request.ifr_flags |= IFF_UP | IFF_RUNNING;
    return ioctl(fd, SIOCSIFFLAGS, &request) == 0;
}

// The kernel's in6_ifreq; <linux/ipv6.h> does not go together with <netinet/in.h>.
struct ipv6_request {
    struct in6_addr address;
    uint32_t prefix_length;
    int index;
};

// Nobody else is on this link, so the kernel's check for duplicates would only make the first
// connections wait; meanwhile it even sends them from ::1. Where /proc may not be written, they do.
static void skip_duplicate_check(void)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/accept_dad", interface_name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t written = write(fd, "0", 1);
    (void)written;
    close(fd);
}

static bool set_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    skip_duplicate_check();
    struct ipv6_request request = {.prefix_length = 64,
                                   .index = (int)if_nametoindex(interface_name)};
    inet_pton(AF_INET6, "fd00:135::1", &request.address);
    bool done = ioctl(fd, SIOCSIFADDR, &request) == 0;
    int saved = errno;
    close(fd);
    errno = saved;
    return done;
}

bool dataplane_demo_address(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool done = fd >= 0 && set_ipv4(fd);
    if (!done)
        base_error("cannot give %s the address 10.135.0.1/24: %s; the demo needs root (or "
                   "CAP_NET_ADMIN) in this network namespace",
                   interface_name, strerror(errno));
    if (fd >= 0)
        close(fd);
    if (done && !set_ipv6())
        base_warning("%s gets no IPv6 address: %s", interface_name, strerror(errno));
    return done;
}
