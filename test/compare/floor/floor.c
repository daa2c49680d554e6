/*
 * The floor: how fast a container's network can be made at all. The messages are written once, before anything is
 * timed, the host's sockets stay open, and there is nothing between this and the kernel.
 *
 *	floor table|element     for each pid that is read from stdin, a process that waits in a network namespace of its
 *	                        own, make its network, print the time that took in ns, look whether it is all there,
 *	                        and take it away again (the last two are not in the time)
 *	floor table|element N   the same N times, with processes of its own; prints the N times
 *	floor wait              a process that says a letter and waits until its stdin ends
 *
 * The network: a veth pair with its other end made in place and one queue a side, 10.0.0.1/24 and 10.0.0.2/24, lo up, a
 * default route, masquerading, and ip_forward where it is off. With "table" the masquerading is a table, a chain and a rule each time;
 * with "element" the table stands, and each container is one element of a set that the rule looks into.
 */
#define _GNU_SOURCE
#include "nft.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>

enum { HOST_INDEX = 0x100001, LO_INDEX = 1, ETH_INDEX = 2, GATEWAY = 0x0a000001, ADDRESS = 0x0a000002 };

static struct {
	struct datagram host, inside, nat, nat_gone, nat_look, link_gone;
	uint32_t *ns; /* in host: IFLA_NET_NS_FD */
	int route, nft, home, forward, forwarded, by_set;
} floor_;

static void up(struct datagram *d, int index) {
	struct ifinfomsg m = {.ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
	begin(d, RTM_NEWLINK, 0, &m, sizeof m);
}

static void addr(struct datagram *d, int index, uint32_t ip) {
	struct ifaddrmsg m = {.ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = index};
	begin(d, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &m, sizeof m);
	be32(d, IFA_LOCAL, ip);
	be32(d, IFA_ADDRESS, ip);
}

static void pair(struct datagram *d) {
	struct ifinfomsg near = {.ifi_index = HOST_INDEX, .ifi_flags = IFF_UP, .ifi_change = IFF_UP}, far = {.ifi_index = ETH_INDEX};
	begin(d, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &near, sizeof near);
	str(d, IFLA_IFNAME, "floor0");
	attr(d, IFLA_ADDRESS, "\x02\0\0\0\0\1", 6);
	num(d, IFLA_NUM_TX_QUEUES, 1);
	num(d, IFLA_NUM_RX_QUEUES, 1);
	uint32_t info = nest(d, IFLA_LINKINFO | NLA_F_NESTED);
	str(d, IFLA_INFO_KIND, "veth");
	uint32_t data = nest(d, IFLA_INFO_DATA | NLA_F_NESTED), peer = nest(d, VETH_INFO_PEER | NLA_F_NESTED);
	put(d, &far, sizeof far);
	str(d, IFLA_IFNAME, "eth0");
	attr(d, IFLA_ADDRESS, "\x02\0\0\0\0\2", 6);
	num(d, IFLA_NUM_TX_QUEUES, 1);
	num(d, IFLA_NUM_RX_QUEUES, 1);
	floor_.ns = num(d, IFLA_NET_NS_FD, 0);
	end(d, peer);
	end(d, data);
	end(d, info);
}

static void default_route(struct datagram *d) {
	struct rtmsg m = {
	    .rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_BOOT, .rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = RTN_UNICAST};
	begin(d, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &m, sizeof m);
	be32(d, RTA_GATEWAY, GATEWAY);
	num(d, RTA_OIF, ETH_INDEX);
}

static void prepare(int by_set) {
	pair(&floor_.host);
	addr(&floor_.host, HOST_INDEX, GATEWAY);
	acknowledged(&floor_.host);
	up(&floor_.inside, LO_INDEX);
	up(&floor_.inside, ETH_INDEX);
	addr(&floor_.inside, ETH_INDEX, ADDRESS);
	default_route(&floor_.inside);
	acknowledged(&floor_.inside);
	struct ifinfomsg gone = {.ifi_index = HOST_INDEX};
	begin(&floor_.link_gone, RTM_DELLINK, 0, &gone, sizeof gone);
	acknowledged(&floor_.link_gone);
	floor_.by_set = by_set;
	floor_.route = dial(NETLINK_ROUTE);
	floor_.nft = dial(NETLINK_NETFILTER);
	floor_.home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	floor_.forward = open("/proc/sys/net/ipv4/ip_forward", O_RDWR | O_CLOEXEC);
	if (floor_.home < 0 || floor_.forward < 0)
		die("open what is in /proc");
	if (!by_set) {
		whole_table(&floor_.nat, 0);
		no_table(&floor_.nat_gone);
		nft(&floor_.nat_look, NFT_MSG_GETRULE, NLM_F_DUMP);
		str(&floor_.nat_look, NFTA_RULE_TABLE, "floor");
		str(&floor_.nat_look, NFTA_RULE_CHAIN, "postrouting");
		return;
	}
	struct datagram standing = {};
	whole_table(&standing, 1);
	must(floor_.nft, &standing, "make the table");
	one_element(&floor_.nat, NFT_MSG_NEWSETELEM);
	one_element(&floor_.nat_gone, NFT_MSG_DELSETELEM);
	element(&floor_.nat_look, NFT_MSG_GETSETELEM, 0);
}

static void forward(void) {
	char c;
	if (pread(floor_.forward, &c, 1, 0) != 1 || (c == '0' && pwrite(floor_.forward, "1", 1, 0) != 1))
		die("ip_forward");
	floor_.forwarded |= c == '0';
}

static void enter(int ns) {
	if (setns(ns, CLONE_NEWNET))
		die("setns");
}

/* make makes the network of process pid; it is what is timed. */
static void make(int pid) {
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
	int ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		die(path);
	*floor_.ns = ns;
	must(floor_.route, &floor_.host, "make the pair");
	enter(ns);
	int inside = dial(NETLINK_ROUTE);
	enter(floor_.home);
	must(inside, &floor_.inside, "set up the container's end");
	must(floor_.nft, &floor_.nat, "masquerade");
	forward();
	close(inside);
	close(ns);
}

static void look_at(int fd, const char *link, uint32_t ip) {
	struct ifreq r = {};
	strcpy(r.ifr_name, link);
	if (ioctl(fd, SIOCGIFFLAGS, &r) || !(r.ifr_flags & IFF_UP))
		die("a link is not up");
	if (ioctl(fd, SIOCGIFADDR, &r) || ((struct sockaddr_in *)&r.ifr_addr)->sin_addr.s_addr != __builtin_bswap32(ip))
		die("an address is not there");
}

/* look reads back what was made. */
static void look(int pid) {
	char path[64], line[256];
	int found = 0, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	look_at(fd, "floor0", GATEWAY);
	close(fd);
	snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
	int ns = open(path, O_RDONLY | O_CLOEXEC);
	enter(ns);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	look_at(fd, "eth0", ADDRESS);
	look_at(fd, "lo", INADDR_LOOPBACK);
	enter(floor_.home);
	close(fd);
	close(ns);
	snprintf(path, sizeof path, "/proc/%d/net/route", pid);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		found |= !strncmp(line, "eth0\t00000000\t0100000A\t", 23);
	if (!f || !found)
		die("the default route is not there");
	fclose(f);
	char answer[32768];
	send(floor_.nft, floor_.nat_look.b, floor_.nat_look.len, 0);
	if (recv(floor_.nft, answer, sizeof answer, 0) < 0 ||
	    ((struct nlmsghdr *)answer)->nlmsg_type != NFT(floor_.by_set ? NFT_MSG_NEWSETELEM : NFT_MSG_NEWRULE))
		die("the masquerading is not there");
	while (recv(floor_.nft, answer, sizeof answer, MSG_DONTWAIT) > 0)
		;
}

static int64_t now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void iterate(int pid) {
	int64_t start = now();
	make(pid);
	int64_t took = now() - start;
	look(pid);
	must(floor_.route, &floor_.link_gone, "remove the pair");
	must(floor_.nft, &floor_.nat_gone, "masquerade no more");
	printf("%lld\n", (long long)took);
	fflush(stdout);
}

/* waiting starts a process that waits in a network namespace of its own. */
static int waiting(void) {
	int ready[2];
	char c;
	if (pipe(ready))
		die("pipe");
	int pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		if (unshare(CLONE_NEWNET) || write(ready[1], "r", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	if (read(ready[0], &c, 1) != 1)
		die("a process that waits");
	close(ready[0]);
	close(ready[1]);
	return pid;
}

int main(int argc, char **argv) {
	char line[32];
	if (argc == 2 && !strcmp(argv[1], "wait"))
		return write(1, "r", 1) < 0 || read(0, line, 1) < 0;
	if (argc < 2 || (strcmp(argv[1], "table") && strcmp(argv[1], "element"))) {
		fprintf(stderr, "usage: floor table|element [N], or floor wait\n");
		return 2;
	}
	prepare(!strcmp(argv[1], "element"));
	for (int n = argc > 2 ? atoi(argv[2]) : 0; n > 0; n--) {
		int pid = waiting();
		iterate(pid);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		usleep(40000); /* the kernel takes the namespace apart, and meanwhile holds what the next one needs */
	}
	while (argc == 2 && fgets(line, sizeof line, stdin))
		iterate(atoi(line));
	if (floor_.forwarded && pwrite(floor_.forward, "0", 1, 0) != 1)
		die("ip_forward");
	struct datagram gone = {};
	no_table(&gone);
	if (floor_.by_set)
		must(floor_.nft, &gone, "remove the table");
	return 0;
}
