# conntrack and ipset; python3 makes connections.
ip link set lo up; ip link add v0 type veth peer name v1; ip addr add 10.1.0.1/24 dev v0; ip link set v0 up; ip link set v1 up
sysctl -qw net.netfilter.nf_conntrack_acct=1 net.netfilter.nf_conntrack_timestamp=1 
nft 'add table ip n; add chain ip n p { type nat hook output priority -100; }; add rule ip n p tcp dport 81 dnat to 127.0.0.1:8080; add chain ip n q {type nat hook postrouting priority 100;}; add rule ip n q masquerade'
(timeout 4 conntrack -E -o timestamp & timeout 4 conntrack -E expect & sleep 0.7
python3 - <<'E'
import socket,threading
s=socket.socket(); s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1); s.bind(('127.0.0.1',8080)); s.listen()
def acc():
    for _ in range(2):
        c,_a=s.accept(); c.recv(10); c.close()
t=threading.Thread(target=acc); t.start()
for p in (8080,81):
    try:
        c=socket.create_connection(('127.0.0.1',p),2); c.send(b'x'); c.recv(1); c.close()
    except Exception as e: print(e)
u=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); u.sendto(b'x',('127.0.0.1',9))
v=socket.socket(socket.AF_INET6,socket.SOCK_DGRAM); v.sendto(b'x',('::1',9))
E
ping -c1 -W1 127.0.0.1; ping -6 -c1 -W1 ::1; wait)
conntrack -I -p tcp -s 10.1.0.5 -d 10.1.0.6 --sport 5 --dport 6 --state ESTABLISHED -t 100 -m 5 -l 3 -u ASSURED; conntrack -I -p udp -s 10.1.0.5 -d 10.1.0.6 --sport 5 --dport 7 -t 50 -w 9 -n 10.9.9.9 -g 10.8.8.8:5-9; conntrack -I -p icmp -s 10.1.0.5 -d 10.1.0.6 --icmp-type 8 --icmp-code 0 --icmp-id 5 -t 50;  conntrack -I -p sctp -s 10.1.0.5 -d 10.1.0.6 --sport 5 --dport 8 --state ESTABLISHED --orig-vtag 1 --reply-vtag 2 -t 50; conntrack -I -p udp -s fd00::5 -d fd00::6 --sport 5 --dport 7 -t 50; conntrack -I -p gre -s 10.1.0.5 -d 10.1.0.6 --srckey 5 --dstkey 6 -t 9; conntrack -I -p dccp -s 10.1.0.5 -d 10.1.0.6 --sport 5 --dport 9 --state OPEN --role client -t 9
conntrack -L -o extended,id,timestamp,labels; conntrack -L -f ipv6; conntrack -L -m 5; conntrack -L dying; conntrack -L unconfirmed; conntrack -G -p tcp -s 10.1.0.5 -d 10.1.0.6 --sport 5 --dport 6; conntrack -U -p tcp -s 10.1.0.5 -m 7 -t 200; conntrack -S; conntrack -S expect; conntrack -C; conntrack -C expect; conntrack -L -z -p udp; conntrack -I expect -s 10.1.0.5 -d 10.1.0.6 -p tcp --sport 5 --dport 6 --tuple-src 10.1.0.5 --tuple-dst 10.1.0.6 --mask-src 255.255.255.255 --mask-dst 255.255.255.255 -t 30; conntrack -L expect; conntrack -F expect; conntrack -D -p udp; conntrack -D -p tcp --dport 999; conntrack -F
ipset create a hash:ip timeout 60 counters comment; ipset add a 10.0.0.1 comment x; ipset create b hash:net,port; ipset add b 10.0.0.0/24,tcp:80; ipset create c bitmap:port range 1-100; ipset add c 5; ipset create d list:set; ipset add d a; ipset create e hash:mac; ipset add e 02:00:00:00:00:01; ipset create f hash:net,iface family inet6; ipset add f fd00::/64,v0 nomatch;  ipset list; ipset test a 10.0.0.1; ipset save; ipset swap a e; ipset rename a aa; ipset flush; ipset destroy
