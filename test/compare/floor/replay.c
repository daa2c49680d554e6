/*
 * The floor for the same job: what plumb has asked the kernel for in one attach, sent again for another namespace.
 *
 * It is given a script: the messages of that attach that change something, as bytes, in the groups that plumb sent them in, with one acknowledgement
 * a group, and where in them stands what differs from namespace to namespace. The names, addresses and indexes are those of the attach, which has been undone.
 *
 *	host|nft|inside HEX    a group of messages: to the host's rtnetlink, its nftables, or the container's rtnetlink
 *	fd OFFSET              in the group before it, the descriptor of the namespace (IFLA_NET_NS_FD)
 *	inode OFFSET           in the group before it, the inode of the namespace, as ten decimal digits (in IFLA_IFALIAS)
 *	ra                     net.ipv6.conf.eth0.accept_ra = 0, inside
 *	ping                   net.ipv4.ping_group_range opened, inside
 *	sysctl PATH=VALUE      a file of the host's below /proc: sys/net/...
 *
 *	usage: replay SCRIPT        for each line on stdin, a pid, make its network and print the nanoseconds that it took: all of it, what comes before the
 *	                            script (the namespace, and what is opened in it), each line of the script, and what is closed in the end
 *	       replay SCRIPT PID    make one, and end
 */
#define _GNU_SOURCE
#define DATAGRAM 65536 /* a table with all its rules */
#include "message.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <time.h>

enum kind { HOST, NFT, INSIDE, RA, PING, SYSCTL };
enum { MOST = 16, DIGITS = 10 };

static struct step {
	enum kind kind;
	struct datagram d;
	uint32_t fd_at, inode_at; /* 0: nowhere */
	int sysctl;               /* kept open, as the sockets are */
	char value[32];
} steps[MOST];

static int count, route, nft, home, proc;

/* open_sysctl opens the host's file of path=value, in whose namespace this program is. */
static void open_sysctl(struct step *s, char *text) {
	char *value = strchr(text, '=');
	if (!value || strlen(value + 1) >= sizeof s->value) {
		fprintf(stderr, "floor: sysctl %s: it should be PATH=VALUE\n", text);
		exit(1);
	}
	*value++ = 0;
	strcpy(s->value, value);
	s->sysctl = openat(proc, text, O_WRONLY | O_CLOEXEC);
	if (s->sysctl < 0)
		die(text);
}

static void bytes(struct datagram *d, const char *hex) {
	unsigned b;
	for (; sscanf(hex, "%2x", &b) == 1 && d->len < sizeof d->b; hex += 2)
		d->b[d->len++] = b;
	for (uint32_t at = 0; at < d->len;) {
		struct nlmsghdr *h = (void *)(d->b + at);
		if (h->nlmsg_flags & NLM_F_ACK || h->nlmsg_type == RTM_GETLINK)
			d->awaited = h->nlmsg_seq;
		d->at = at;
		d->seq = h->nlmsg_seq;
		at += NLMSG_ALIGN(h->nlmsg_len);
	}
}

static void read_script(const char *path) {
	static const char *const names[] = {"host", "nft", "inside", "ra", "ping", "sysctl"};
	static char line[3 * sizeof steps[0].d.b], hex[sizeof line];
	FILE *f = fopen(path, "re");
	if (!f)
		die(path);
	while (fgets(line, sizeof line, f)) {
		char word[16];
		hex[0] = 0;
		sscanf(line, "%15s %s", word, hex);
		if (!strcmp(word, "fd"))
			steps[count - 1].fd_at = atoi(hex);
		else if (!strcmp(word, "inode"))
			steps[count - 1].inode_at = atoi(hex);
		else
			for (int kind = HOST; kind <= SYSCTL; kind++)
				if (!strcmp(word, names[kind]) && count < MOST) {
					struct step *s = &steps[count++];
					s->kind = kind;
					if (kind == SYSCTL)
						open_sysctl(s, hex);
					else
						bytes(&s->d, hex);
				}
	}
	fclose(f);
}

static void enter(int ns) {
	if (setns(ns, CLONE_NEWNET))
		die("setns");
}

static struct {
	int ns, route, ping, conf6;
} inside;

static void open_inside(void) {
	enter(inside.ns);
	inside.route = dial(NETLINK_ROUTE);
	inside.ping = openat(proc, "sys/net/ipv4/ping_group_range", O_RDWR | O_CLOEXEC);
	inside.conf6 = openat(proc, "sys/net/ipv6/conf", O_PATH | O_DIRECTORY | O_CLOEXEC);
	enter(home);
	if (inside.ping < 0 || inside.conf6 < 0)
		die("open sysctls");
}

static void close_inside(void) {
	close(inside.ns);
	close(inside.route);
	close(inside.ping);
	close(inside.conf6);
}

static void no_advertisements(void) {
	int fd = openat(inside.conf6, "eth0/accept_ra", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		die("accept_ra");
	close(fd);
}

static void allow_ping(void) {
	static const char all[] = "0 2147483647", own[] = "0 0";
	if (pwrite(inside.ping, all, sizeof all - 1, 0) < 0 && pwrite(inside.ping, own, sizeof own - 1, 0) < 0)
		die("ping_group_range");
}

static void patch(struct step *s) {
	char digits[DIGITS + 1];
	struct stat st;
	if (s->fd_at)
		memcpy(s->d.b + s->fd_at, &inside.ns, sizeof inside.ns);
	if (!s->inode_at)
		return;
	if (fstat(inside.ns, &st) || snprintf(digits, sizeof digits, "%0*lu", DIGITS, (unsigned long)st.st_ino) != DIGITS)
		die("inode");
	memcpy(s->d.b + s->inode_at, digits, DIGITS);
}

static int64_t now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* make makes the network of process pid; it is what is timed. It notes when each step has begun, and when the last has ended. */
static int64_t at[MOST + 3];

static void make(int pid) {
	char path[64];
	int64_t *t = at;
	*t++ = now();
	snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
	inside.ns = open(path, O_RDONLY | O_CLOEXEC);
	if (inside.ns < 0)
		die(path);
	open_inside();
	for (struct step *s = steps; s < steps + count; s++) {
		*t++ = now();
		patch(s);
		switch (s->kind) {
		case HOST:
			must(route, &s->d, "on the host");
			break;
		case NFT:
			must(nft, &s->d, "in nftables");
			break;
		case INSIDE:
			must(inside.route, &s->d, "inside");
			break;
		case RA:
			no_advertisements();
			break;
		case PING:
			allow_ping();
			break;
		case SYSCTL:
			if (pwrite(s->sysctl, s->value, strlen(s->value), 0) < 0)
				die("sysctl");
			break;
		}
	}
	*t++ = now();
	close_inside();
	*t = now();
}

int main(int argc, char **argv) {
	char line[32];
	if (argc < 2) {
		fprintf(stderr, "usage: replay SCRIPT [PID]\n");
		return 2;
	}
	route = dial(NETLINK_ROUTE);
	nft = dial(NETLINK_NETFILTER);
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (home < 0 || proc < 0)
		die("/proc");
	read_script(argv[1]);
	if (argc > 2) {
		make(atoi(argv[2]));
		return 0;
	}
	while (fgets(line, sizeof line, stdin)) {
		make(atoi(line));
		printf("%lld", (long long)(at[count + 2] - at[0]));
		for (int i = 0; i < count + 2; i++)
			printf(" %lld", (long long)(at[i + 1] - at[i]));
		printf("\n");
		fflush(stdout);
	}
	return 0;
}
