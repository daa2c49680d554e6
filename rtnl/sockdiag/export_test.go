package sockdiag

import "plumb/rtnl/wire"

// Question is what Listeners asks of a family and a protocol.
func Question(f, proto uint8) wire.Request { return ask(family(f), proto) }

// AnswerTable and QuestionTable are this package's tables.
var (
	AnswerTable   = &answerTable
	QuestionTable = &questionTable
)

// The structs of the tables.
type (
	InetAnswer   = inetAnswer
	InetQuestion = inetQuestion
)
