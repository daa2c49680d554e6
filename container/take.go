package container

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// A taking is how a ready becomes a container's network. Nobody else has it: what is left to do is what says whose it is.
//
//   - First the name, which the kernel lets only one link have: the host end gets it as a further one. To rename a link that is up takes six times
//     as long, for the kernel waits for its readers and makes its sysctls anew (dev_change_name, net/core/dev.c).
//   - Then the table, where it is to hold more than before: one batch publishes ports and changes the comments.
//   - Last the alias, as at an attach.
//
// Where the table is to hold no more than before, its comments alone have another's name, by which nobody goes. Then one message is all: with the
// name the link gets a further one that says what else the alias would (whose), quietly: each message that changes a link that is up has the kernel tell
// all who listen, and walk all routes of IPv6 (rt6_sync_up, net/ipv6/route.c). The alias and the comments follow when somebody has the time (follow), and
// all hear of it.
//
// One that asks for no name keeps the pool's, and then there is nothing to be said at once: it is listed as ready until follow.
//
// Up to the alias, or to that message, nothing is done that cannot be undone, and the ready is as good as before.
type taking struct {
	Attachment
	host  *Host
	ready *readyNet
	net   Network  // as it is to be
	id    identity // what the host end is to say
	names []string // that it is to have

	at time.Time // when it was taken, where the host end says nothing of that until follow
}

// take makes a ready the network of a container. later is what is to follow, or nil. sound says, where it failed, that the ready is one still.
func (h *Host) take(ctx context.Context, r *readyNet, n Network, pool *Network) (t *taking, sound bool, err error) {
	if n.Name == "" {
		n.Name = r.is.name
	}
	whole, tell := h.whole("take ", n.Name), h.story()
	defer func() {
		tell.end(err)
		whole.End(err)
	}()
	t = &taking{Attachment: r.Attachment, host: h, ready: r, net: n, id: *r.is}
	if err = t.net.fit(r, pool); err != nil {
		return nil, true, err
	}
	t.Name = n.Name
	t.id.name, t.id.host, t.id.options = n.Name, t.net.Hostname, r.is.options|t.net.options()
	if !t.more() && t.id.name == r.is.name && t.id.host == r.is.name {
		tell.next("see that nobody has detached it", "it keeps its name; that it is in use is said when somebody has the time")
		t.at = time.Now()
		return t, true, t.stands(&tell)
	}
	if t.id.since, err = bootTime(); err != nil {
		return nil, true, err
	}
	t.id.pool = 0
	if !t.more() {
		tell.next("have the host end say that it is "+n.Name+"'s", "it keeps the name that the rules know, and gets the container's as a further one, which the kernel lets one link have, and after that one that says the rest; at the last, which is too long, the kernel stops, and tells nobody yet")
		return t, true, t.rename(ctx, t.whose())
	}
	tell.next("have the host end be called "+n.Name, "it keeps the name that the rules know, and gets the container's as a further one: the kernel decides who has that; at the last, which is too long, it stops, and tells nobody yet")
	if err = t.rename(ctx, nil); err != nil {
		return nil, true, err
	}
	tell.next("tell the rules", "the comments of all that the table holds of it, and published ports, in one transaction")
	if err = t.handOver(ctx); err != nil {
		return nil, true, errors.Join(err, t.forgetNames())
	}
	tell.next("say whose it is", "in the alias of the host end")
	return t, false, t.sayWhose()
}

// more says whether the table is to hold more than before.
func (t *taking) more() bool { return len(t.net.Publish) > 0 || t.id.options != t.ready.is.options }

// stands sees that the host end is there, in one system call, which waits for nobody: messages wait for the lock of rtnetlink. The error is ENODEV where
// it is not.
func (t *taking) stands(tell *story) error {
	start := tell.now()
	name, err := t.host.rtnl.LinkName(t.HostIndex)
	if err == nil && name != t.HostLink {
		err = fmt.Errorf("link %d is %s, and was %s: %w", t.HostIndex, name, t.HostLink, unix.ENODEV)
	}
	if tell.tracer != nil {
		tell.did(hostName, start, err, "ioctl SIOCGIFNAME: link ", strconv.Itoa(int(t.HostIndex)), " is ", name)
	}
	return err
}

// whose are further names that say of the host end what is not in its alias yet. They are of this link alone, since its index is in them. The last
// makes it the container's; those before it only say more of that.
func (t *taking) whose() []string {
	const suffix, name, since = ".taken", ",name=", ",since="
	b := make([]byte, 0, maxAltName)
	b = strconv.AppendUint(append(b, furtherPrefix...), uint64(t.HostIndex), 10)
	index := len(b)
	b = append(append(append(append(b, suffix...), name...), t.Name...), since...)
	taken := string(appendSeconds(b, t.id.since))
	if t.id.host == t.id.name {
		return []string{taken}
	}
	return []string{taken[:index] + ".whose,host=" + t.id.host, taken}
}

// rename gives the host end the container's name, if that is another, and those of with.
func (t *taking) rename(ctx context.Context, with []string) error {
	link, altName := hostLink(t.Name)
	t.names = make([]string, 0, 4)
	if t.Name != t.ready.Name {
		t.names = append(t.names, link)
	}
	if altName != "" {
		t.names = append(t.names, altName)
	}
	own := t.names
	if t.names = append(t.names, with...); len(t.names) == 0 {
		return nil
	}
	const tries = 8 // at each, somebody else has come or gone in between
	for range tries {
		// The first that is another's ends it: then the link has none of with.
		err := t.host.rtnl.AddAltNamesQuietly(t.HostIndex, t.names, "have "+t.HostLink+" be called "+link)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EEXIST) {
			return errors.Join(needAdmin(err), t.forgetNames())
		}
		if err := t.forgetNames(); err != nil { // one of them it may have
			return err
		}
		for _, name := range own {
			other, lookup := t.host.rtnl.LinkByName(name)
			if errors.Is(lookup, unix.ENODEV) {
				continue
			}
			if lookup == nil {
				lookup = t.host.clearName(ctx, t.Name, link, other)
			}
			if lookup != nil {
				return lookup
			}
		}
	}
	return explained(unix.EEXIST, "the name %s comes and goes all the time: take another name", link)
}

// forgetNames takes the names from the host end again that it has.
func (t *taking) forgetNames() error {
	var requests []wire.Request
	for _, name := range t.names {
		requests = append(requests, rtnl.DelAltName(t.HostIndex, name, "have "+t.HostLink+" be called "+name+" no more"))
	}
	var errs []error
	for _, e := range wire.Refusals(t.host.rtnl.Do(requests...)) {
		if !errors.Is(e, unix.ENOENT) && !errors.Is(e, unix.EINVAL) && !errors.Is(e, unix.ENODEV) { // nobody's, or another's
			errs = append(errs, e)
		}
	}
	return errors.Join(errs...)
}

// follow does what was left for later: the alias says what further names say, and the comments in the table have the container's name. One that has gone
// meanwhile needs none of it. Had somebody flushed the ruleset before, what it should hold is put back.
func (t *taking) follow() error {
	id := t.id // which the container's Attachment has, too
	if !t.at.IsZero() {
		now, err := bootTime()
		if err != nil {
			return err
		}
		id.pool, id.since = 0, now-time.Since(t.at)
	}
	alias, further := id.text(t.HostIndex)
	if len(further) > 0 { // there is no room in the alias, and the names say enough: what it says already has the kernel tell of them
		alias, _ = t.ready.is.text(t.HostIndex)
	}
	told := ignore(unix.ENODEV, t.host.rtnl.Do(rtnl.SetLinkNamed(t.HostLink, &rtnl.Link{Alias: alias}, "say whose "+t.HostLink+" is")))
	want := t.wantedOver()
	err := t.host.nat.HandOver(&want)
	if errors.Is(err, unix.ENOENT) {
		err = t.restore(&id)
	}
	return errors.Join(told, err)
}

// restore puts back what the table should hold, if the container is there still.
func (t *taking) restore(id *identity) error {
	link, err := t.host.rtnl.LinkByIndex(t.HostIndex)
	if err != nil || dying(link) || going(link) {
		return ignore(unix.ENODEV, err)
	}
	missing, err := t.host.repair(link, id, true)
	if missing {
		t.host.flushUntranslated([]identity{*id})
	}
	return err
}

// wantedOver is what the table is to hold.
func (t *taking) wantedOver() nat.HandOver {
	want := nat.HandOver{Has: t.ready.is.options, Attachment: nat.Attachment{
		Link: t.HostLink, Comment: nat.Comment{Name: t.Name, IfIndex: t.HostIndex, Taken: t.id.taken},
		Options: t.net.options(), Publish: slices.Clone(t.net.Publish), Police: uint64(t.id.out) / 8,
	}}
	if t.Addr.IsValid() {
		want.IPv4 = placeIn(t.Addr.Masked(), t.Addr.Addr())
	}
	if t.Addr6.IsValid() {
		want.IPv6 = placeIn(t.Addr6.Masked(), t.Addr6.Addr())
	}
	return want
}

// handOver has the table say whose the network is, and publishes ports.
func (t *taking) handOver(ctx context.Context) error {
	want := t.wantedOver()
	a := newAttacher(t.host, t.net, t.ready.ns)
	a.Attachment = t.Attachment
	if err := a.avoidListeners(&want.Attachment); err != nil {
		return err
	}
	given := slices.Clone(want.Publish)
	c, mended := clearer{attacher: a}, false
	for {
		err := t.host.nat.HandOver(&want)
		if err == nil {
			break
		}
		if errors.Is(err, unix.ENOENT) && !mended { // somebody has flushed the ruleset; the host end says what it had
			mended = true
			if _, err := t.host.Repair(); err != nil {
				return err
			}
			continue
		}
		again, reason := c.clear(ctx, err)
		if !again {
			return reason
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		want.Publish = slices.Clone(given)
	}
	t.Publish, t.id.publish, t.leases = want.Publish, want.Publish, want.Leases()
	t.host.flush(nil, t.Publish)
	return nil
}

// sayWhose has the host end say whose it is. Had somebody flushed the ruleset just before, who mended it could not know of what was published.
func (t *taking) sayWhose() error {
	alias, further := t.id.text(t.HostIndex)
	if len(further) > maxFurther {
		return &FlagError{"publish", t.Publish[0].String(), "there are more single ports than a link can tell of: publish them as ranges"}
	}
	link := &rtnl.Link{Index: t.HostIndex, Alias: alias}
	if conf := localnet(t.Publish); conf != nil {
		link.AF = &rtnl.LinkAF{Inet: &rtnl.LinkInet{Conf: conf}}
	}
	_, had := t.ready.is.text(t.HostIndex)
	var requests []wire.Request
	for _, name := range had {
		requests = append(requests, rtnl.DelAltName(t.HostIndex, name, "have "+t.HostLink+" say no more what it was"))
	}
	requests = append(requests, rtnl.SetLink(link, "say whose "+t.HostLink+" is"))
	for _, name := range further {
		requests = append(requests, rtnl.AddAltName(t.HostIndex, name, "give "+t.HostLink+" a further name"))
	}
	if err := first(t.host.rtnl.Do(requests...)); err != nil {
		return err
	}
	end := &rtnl.Link{Index: t.HostIndex, Name: t.HostLink}
	if held, err := t.host.nat.Holds(t.id.attachment(end)); err != nil || held {
		return err
	}
	_, err := t.host.repair(end, &t.id, false)
	if err != nil {
		return fmt.Errorf("the ruleset was flushed meanwhile, and what %s has could not be put back: %w", t.Name, err)
	}
	return nil
}

// taken is take, with all that the taker gets. A ready that somebody has detached is not sound. later is nil where nothing is to follow.
func (h *Host) taken(ctx context.Context, r *readyNet, n Network, pool *Network) (taken *Taken, later *taking, sound bool, err error) {
	t, sound, err := h.take(ctx, r, n, pool)
	if err != nil {
		return nil, nil, sound && !isGone(err), err
	}
	t.is = &t.id
	if !t.more() {
		later = t
	}
	return &Taken{&t.Attachment, r.ns, t.net}, later, true, nil
}

func isGone(err error) bool { return errors.Is(err, unix.ENODEV) }

// checkTaken checks what can be checked before it is known what the pool has. What else n says must be as that has it, or it is refused: see fit.
func (n *Network) checkTaken() error {
	given := Network{Name: n.Name, Hostname: n.Hostname}
	if n.Name == "" {
		given.Name = poolName // or one that goes on like that
	}
	if given.Hostname == "" {
		given.Hostname = given.Name
	}
	return checkName(given)
}
