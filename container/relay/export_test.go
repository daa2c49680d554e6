package relay

const MaxFlows = maxFlows
