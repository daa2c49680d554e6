# dockerd: a network with IPv6, containers, published ports. busybox is the container.
mount --make-rprivate /; umount /sys/fs/cgroup/unified 2>/dev/null; ip link set lo up; ip link add up0 type veth peer name up1; ip addr add 192.0.2.1/24 dev up0; ip link set up0 up; ip link set up1 up; ip route add default via 192.0.2.254
W=$DIR; mkdir -p $W; mount -t tmpfs t /run; mount -t tmpfs t /var/lib/docker 2>/dev/null
dockerd --data-root $W/data --exec-root $W/exec -p $W/pid -H unix://$W/sock --storage-driver vfs --iptables=true --ip6tables=true --experimental --default-ulimit nofile=20000:20000 >$W/log 2>&1 &
D=$!
for i in $(seq 100); do docker -H unix://$W/sock version >/dev/null 2>&1 && break; sleep 0.3; done
K="docker -H unix://$W/sock"
mkdir -p $W/r/bin; cp /bin/busybox $W/r/bin/; for a in sh ip ping sleep; do ln -s busybox $W/r/bin/$a; done; tar -C $W/r -c . | $K import - b
$K network create --subnet 10.86.0.0/24 --ipv6 --subnet fd00:86::/64 n1
$K run --rm -p 8080:80 b /bin/ip addr; $K run --rm --network n1 -p 8081:81/udp b /bin/ip route; $K run --rm --network none b /bin/ip link
$K network rm n1
kill $D; wait $D; tail -3 $W/log
