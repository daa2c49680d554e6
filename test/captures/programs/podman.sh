# podman with CNI and runc: a network, containers, a published port. busybox is the container.
mount --make-rprivate /; umount /sys/fs/cgroup/unified 2>/dev/null; ip link set lo up; ip link add up0 type veth peer name up1; ip addr add 192.0.2.1/24 dev up0; ip link set up0 up; ip link set up1 up; ip route add default via 192.0.2.254
W=$DIR; mkdir -p $W/rootfs/bin $W/rootfs/dev $W/rootfs/etc $W/rootfs/proc $W/rootfs/sys $W/cni; cp /bin/busybox $W/rootfs/bin/busybox; for a in sh ip ping sleep; do ln -s busybox $W/rootfs/bin/$a; done
mount -t tmpfs t /run; mkdir -p /run/lock; mount -t tmpfs t /var/lib/cni 2>/dev/null
cat > $W/c.conf <<E
[containers]
default_ulimits=["nofile=20000:20000","nproc=32768:32768"]
[network]
network_backend="${B:-cni}"
cni_plugin_dirs=["/usr/lib/cni"]
network_config_dir="$W/cni"
[engine]
cgroup_manager="cgroupfs"
events_logger="file"
runtime="${R:-runc}"
tmp_dir="$W/tmp"
E
export CONTAINERS_CONF=$W/c.conf
P="podman --root $W/root --runroot $W/runroot --storage-driver vfs"
$P network create --subnet 10.87.0.0/24 n1
$P run --rm --network n1 -p 8080:80 --rootfs $W/rootfs /bin/ip addr
$P run --rm --network n1:ip=10.87.0.77,mac=02:00:00:00:00:77 --rootfs $W/rootfs /bin/ip route
$P run --rm --network host --rootfs $W/rootfs /bin/ip link
$P network ls; $P network inspect n1; $P network rm n1
