// Package bench measures, in a sealed lab, how long a container's network takes to set up and to take down, and what the time goes into; and how long
// other programs take for the same, in turn with plumb, each on a host of its own. It is what plumb bench runs.
//
// Other programs are run by RunRivals alone. Nothing is sent to, or changed on, the machine's own network.
package bench
