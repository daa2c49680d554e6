package sockdiag

import "plumb/rtnl/wire"

// What the kernel tells of a socket and nobody here asks for: linux/inet_diag.h.
const wordsText = `# linux/inet_diag.h
group answer INET_DIAG_
1 MEMINFO nest meminfo
2 INFO hex
3 VEGASINFO hex
4 CONG str
5 TOS u8
6 TCLASS u8
7 SKMEMINFO nest skmeminfo
8 SHUTDOWN u8
9 DCTCPINFO hex
10 PROTOCOL u8
11 SKV6ONLY u8
# SCTP: struct sockaddr_storage, as many as there are
12 LOCALS hex
13 PEERS hex
14 PAD pad
15 MARK u32 hex
16 BBRINFO hex
17 CLASS_ID u32
18 MD5SIG hex
19 ULP_INFO hex
20 SK_BPF_STORAGES hex
21 CGROUP_ID u64
22 SOCKOPT hex

group meminfo -
. idiag_rmem u32
. idiag_wmem u32
. idiag_fmem u32
. idiag_tmem u32

# linux/sock_diag.h: SK_MEMINFO_*
group skmeminfo -
. rmem_alloc u32
. rcvbuf u32
. wmem_alloc u32
. sndbuf u32
. fwd_alloc u32
. wmem_queued u32
. optmem u32
. backlog u32
. drops u32
`

var words = wire.NewDictionary(wordsText)
