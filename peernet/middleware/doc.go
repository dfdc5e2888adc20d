// Package middleware has what most nodes put around their handlers and their calls: a log line for each, a bound on its
// time, a bound on how often, and errors in place of panics.
//
//	node.Use(
//		middleware.Log(logger, slog.LevelInfo),      // outermost: it sees what the others make of a request
//		middleware.RateLimit(100, 200),              // of each peer
//		middleware.Timeout(10*time.Second),
//		middleware.Recover(logger),
//	)
//	node.UseOutgoing(middleware.LogOutgoing(logger, slog.LevelDebug), middleware.TimeoutOutgoing(5*time.Second))
//
// Each function makes one middleware, safe for concurrent use, that may be put around any number of handlers or nodes; what
// it keeps, as a rate limit does, those share. For one handler or call alone there are peernet.Use and peernet.UseOutgoing.
package middleware
