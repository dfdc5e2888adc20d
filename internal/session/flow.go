package session

import "context"

// A flow is what one end of a stream sends, in order.
type flow interface {
	// push queues an envelope and takes buf over. It waits for room until ctx ends or stop is closed.
	push(ctx context.Context, stop <-chan struct{}, buf *buffer) error

	// force queues an envelope without waiting for room, and takes buf over.
	force(buf *buffer)

	// close says that nothing follows.
	close()

	// drop drops what waits, and closes.
	drop()
}

// A bulkFlow is in the bulk lane.
type bulkFlow struct{ queue *queue }

func (q *queue) newFlow(int) flow { return bulkFlow{q} }

func (f bulkFlow) push(ctx context.Context, stop <-chan struct{}, buf *buffer) error {
	f.queue.mu.Lock()
	hasRoom := len(f.queue.waiters[bulk]) == 0 && f.queue.hasRoom(bulk, len(buf.b))
	f.queue.mu.Unlock()
	if !hasRoom && stop != nil {
		waits, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() {
			select {
			case <-stop:
				cancel()
			case <-waits.Done():
			}
		}()
		ctx = waits
	}
	return f.queue.pushInTurn(ctx, bulk, buf, nil, false)
}
func (f bulkFlow) force(buf *buffer) { f.queue.force(bulk, buf, nil) }
func (f bulkFlow) close()            {}
func (f bulkFlow) drop()             {}

// isWaiting says whether the envelope at p is queued and has not been handed to the writer.
func (q *queue) isWaiting(p *position) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return p.seq > q.taken[p.lane]
}
