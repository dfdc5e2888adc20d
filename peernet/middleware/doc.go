// Package middleware has middleware for handlers and calls that most nodes need: a log line for each, a bound on its
// time, a bound on its rate, and errors in place of panics.
//
//	node.Use(
//		middleware.Log(logger, slog.LevelInfo),      // outermost: it sees what the others do with a request
//		middleware.RateLimit(100, 200),              // of each peer
//		middleware.Timeout(10*time.Second),
//		middleware.Recover(logger),
//	)
//	node.UseOutgoing(middleware.LogOutgoing(logger, slog.LevelDebug), middleware.TimeoutOutgoing(5*time.Second))
//
// Each function makes one middleware, safe for concurrent use, that may be put around any number of handlers or nodes; they
// share its state, such as the tokens of a rate limit. For one handler or call alone there are peernet.Use and peernet.UseOutgoing.
package middleware
