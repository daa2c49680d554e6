// Package compare finds what two set-ups do differently, by message and attribute, from what was traced or captured of
// them.
//
// A Set collects the requests of one set-up. Those that only ask are left out, and so is what differs each time: sequence
// numbers, ports, times, and the numbers that the kernel or chance gives, which are replaced by names where they are known
// and else by the order in which they come. Compare aligns two Sets, message by message.
package compare
