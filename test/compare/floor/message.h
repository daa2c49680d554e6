/* Netlink messages, written once into a buffer that is then sent again and again. */
#include <errno.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/in.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *what) {
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(1);
}

#ifndef DATAGRAM
#define DATAGRAM 4096
#endif

/* A datagram: messages one after the other. */
struct datagram {
	char b[DATAGRAM];
	uint32_t len, at;      /* at: where the message that was begun last begins */
	uint32_t seq, awaited; /* sequence numbers: of that message, and of the last one that is to be answered */
};

static void *put(struct datagram *d, const void *data, uint32_t len) {
	char *p = d->b + d->len;
	if (data)
		memcpy(p, data, len);
	d->len += NLMSG_ALIGN(len);
	((struct nlmsghdr *)(d->b + d->at))->nlmsg_len = d->len - d->at;
	return p;
}

static void begin(struct datagram *d, uint16_t type, uint16_t flags, const void *body, uint32_t len) {
	struct nlmsghdr h = {.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags, .nlmsg_seq = ++d->seq};
	d->at = d->len;
	put(d, &h, sizeof h);
	put(d, body, len);
}

/* attr returns where the attribute's data is, so that it can be changed later. */
static void *attr(struct datagram *d, uint16_t type, const void *data, uint16_t len) {
	struct nlattr a = {.nla_len = NLA_HDRLEN + len, .nla_type = type};
	put(d, &a, sizeof a);
	return put(d, data, len);
}

/* acknowledged asks for an answer to the message begun last. */
static void acknowledged(struct datagram *d) {
	((struct nlmsghdr *)(d->b + d->at))->nlmsg_flags |= NLM_F_ACK;
	d->awaited = d->seq;
}

static void str(struct datagram *d, uint16_t type, const char *s) { attr(d, type, s, strlen(s) + 1); }
static void *num(struct datagram *d, uint16_t type, uint32_t v) { return attr(d, type, &v, sizeof v); }
static void be32(struct datagram *d, uint16_t type, uint32_t v) { num(d, type, __builtin_bswap32(v)); }

static uint32_t nest(struct datagram *d, uint16_t type) {
	uint32_t at = d->len;
	attr(d, type, NULL, 0);
	return at;
}

static void end(struct datagram *d, uint32_t at) { ((struct nlattr *)(d->b + at))->nla_len = d->len - at; }

static int dial(int family) {
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family);
	if (fd < 0)
		die("socket");
	return fd;
}

/* ask sends a datagram and reads answers up to the awaited one, which is there when send returns. It returns the errno of the
 * first message that was refused; one that was not to be answered is, then. */
static int ask(int fd, const struct datagram *d) {
	static char in[32768];
	int refused = 0;
	if (send(fd, d->b, d->len, 0) < 0)
		die("send");
	for (;;) {
		int n = recv(fd, in, sizeof in, MSG_DONTWAIT);
		if (n < 0 && refused)
			return refused; /* of a batch that is refused as a whole only the first message is answered */
		if (n < 0)
			die("recv");
		for (struct nlmsghdr *h = (void *)in; NLMSG_OK(h, (uint32_t)n); h = NLMSG_NEXT(h, n)) {
			if (h->nlmsg_type == NLMSG_ERROR && !refused)
				refused = -((struct nlmsgerr *)NLMSG_DATA(h))->error;
			if (h->nlmsg_seq == d->awaited)
				return refused;
		}
	}
}

static void must(int fd, const struct datagram *d, const char *what) {
	errno = ask(fd, d);
	if (errno)
		die(what);
}
