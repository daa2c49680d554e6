# The CNI plugins bridge, ptp, macvlan, ipvlan, vlan, loopback and host-device, and those that are chained after them.
ip link set lo up; mount -t tmpfs t /var/lib/cni 2>/dev/null || (mkdir -p /var/lib/cni && mount -t tmpfs t /var/lib/cni); mount -t tmpfs t /run
ip link add up0 type veth peer name up1; ip addr add 192.0.2.1/24 dev up0; ip link set up0 up; ip link set up1 up; ip route add default via 192.0.2.254
cat > $DIR/cni.py <<'E'
import json,os,subprocess,sys
P='/usr/lib/cni/'
def run(cmd,name,conf,ns,prev,cid,ifn='eth0',args=''):
    c=dict(conf); c.update(cniVersion='1.0.0',name=name)
    if prev: c['prevResult']=prev
    e=dict(os.environ,CNI_COMMAND=cmd,CNI_CONTAINERID=cid,CNI_NETNS=ns,CNI_IFNAME=ifn,CNI_PATH=P)
    r=subprocess.run([P+c['type']],input=json.dumps(c).encode(),env=e,capture_output=True)
    print(cmd,c['type'],r.returncode,r.stdout.decode()[:300].replace('\n',' '),r.stderr.decode()[:300])
    try: return json.loads(r.stdout) if r.returncode==0 and r.stdout else prev
    except Exception: return prev
def chain(name,confs,n):
    sl=subprocess.Popen(['unshare','-n','sleep','60']); 
    import time
    while os.readlink(f'/proc/{sl.pid}/ns/net')==os.readlink('/proc/self/ns/net'): time.sleep(.05)
    ns=f'/proc/{sl.pid}/ns/net'; prev=None
    for c in confs: prev=run('ADD',name,c,ns,prev,'c%d'%n)
    for c in confs: run('CHECK',name,c,ns,prev,'c%d'%n)
    for c in reversed(confs): run('DEL',name,c,ns,prev,'c%d'%n)
    sl.kill(); sl.wait()
ipam={'type':'host-local','ranges':[[{'subnet':'10.88.0.0/16'}],[{'subnet':'fd00:88::/64'}]],'routes':[{'dst':'0.0.0.0/0'},{'dst':'::/0'}]}
pm={'type':'portmap','capabilities':{'portMappings':True},'runtimeConfig':{'portMappings':[{'hostPort':8080,'containerPort':80,'protocol':'tcp'}]},'snat':True}
fw={'type':'firewall','backend':'iptables'}
chain('net1',[{'type':'bridge','bridge':'cni0','isGateway':True,'ipMasq':True,'hairpinMode':True,'ipam':ipam},pm,fw,{'type':'tuning','sysctl':{'net.ipv4.conf.eth0.arp_filter':'1'},'mac':'02:00:00:00:00:31','mtu':1400},{'type':'bandwidth','ingressRate':1000000,'ingressBurst':1000000,'egressRate':1000000,'egressBurst':1000000},{'type':'sbr'}],1)
chain('net2',[{'type':'ptp','ipMasq':True,'ipam':dict(ipam,ranges=[[{'subnet':'10.89.0.0/24'}]],routes=[{'dst':'0.0.0.0/0'}])},pm,fw],2)
chain('net3',[{'type':'macvlan','master':'up0','mode':'bridge','ipam':dict(ipam,ranges=[[{'subnet':'10.90.0.0/24'}]],routes=[])}],3)
chain('net4',[{'type':'ipvlan','master':'up0','ipam':dict(ipam,ranges=[[{'subnet':'10.91.0.0/24'}]],routes=[])}],4)
chain('net5',[{'type':'vlan','master':'up0','vlanId':5,'ipam':dict(ipam,ranges=[[{'subnet':'10.92.0.0/24'}]],routes=[])},{'type':'vrf','vrfname':'red'}],5)
chain('net6',[{'type':'loopback'}],6); chain('net7',[{'type':'host-device','device':'up1'}],7)
E
python3 $DIR/cni.py
