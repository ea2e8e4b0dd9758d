//! A REP socket's loop: one request, one reply, until told to stop. The registry's runs on the main thread, the health
//! port's on a small one of its own. Knows frames; never what a request means, nor where its peers come from.

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use zmq::{Context, DONTWAIT, Message, Socket, SocketType};

use crate::handoff::{self, Gate};
use crate::stop::{Stop, Waker};
use crate::wire::MAX_REQUEST;
use crate::wire::code::Code;
use crate::wire::reply::{Body, Reply};
use crate::wire::shared::Shared;

/// How long a peer may take for its ZMTP handshake, in milliseconds.
const HANDSHAKE: i32 = 5_000;
/// How many requests of one peer may wait, where every 2 KiB count as one (`limit/queue-by-size` of libzmq's patches);
/// then libzmq stops reading it, until there is room.
const WAITING_REQUESTS: i32 = 128;
/// How many replies to one peer may wait for it to read; further ones are lost to it. Part of the contract: an agent that
/// has 256 requests under way loses none. Thrice that, since this side hears of what was read by halves of this number, and
/// not before it has read a hundred requests more (`inbound_poll_rate`): 256 + 383 + 100 may seem to wait.
const WAITING_REPLIES: i32 = 3 * 256;
/// From how many bytes on a shared reply is worth sharing with libzmq: below, a copy is cheaper than the bookkeeping.
const WORTH_SHARING: usize = 1024;
/// How long replies may take to leave after the stop, in milliseconds.
const LINGER: i32 = 250;
/// At the stop, requests that were on their way are answered until none has come for this long…
const QUIET: Duration = Duration::from_millis(50);
/// …or for this long, where nobody is connected any more: a request of somebody who has gone may still be under way inside.
const ALONE: Duration = Duration::from_millis(5);
/// …but no longer than this.
const DRAIN: Duration = Duration::from_millis(400);

/// What a probe asks; any answer will do.
const PROBE: &[u8] = br#"{"action":"health"}"#;
/// How often a probe looks, while it waits, whether the stop has begun.
const LOOK: Duration = Duration::from_millis(100);

/// What came in.
pub enum Asked<'a> {
    /// A request of one frame.
    Request(&'a [u8]),
    /// So many frames at once.
    Multipart(usize),
}

/// A bound REP socket, before its loop runs.
pub struct Rep {
    socket: Socket,
    /// Where other threads of this process reach it.
    control: String,
    /// How many requests it has answered.
    answered: Arc<AtomicU64>,
    gate: Arc<Gate>,
}

impl Rep {
    /// A socket that gets its peers through `gate` on libzmq's I/O thread number `io_thread`, and a waker for its stop.
    /// `name` is unique in `context`.
    pub fn open(context: &Context, name: &str, io_thread: u32, gate: &Arc<Gate>) -> io::Result<(Rep, Waker)> {
        let mut socket = context.socket(SocketType::REP)?;
        // An agent that comes back with the same ZMQ identity takes the place of its dead connection.
        socket.set_router_handover(true)?;
        socket.set_affinity(1 << io_thread)?;
        socket.set_maxmsgsize(MAX_REQUEST as i64)?;
        socket.set_handshake_ivl(HANDSHAKE)?;
        socket.set_rcvhwm(WAITING_REQUESTS)?;
        socket.set_sndhwm(WAITING_REPLIES)?;
        socket.set_linger(LINGER)?;
        let control = format!("inproc://{name}");
        socket.bind(&control)?;
        handoff::bind(&mut socket, gate)?;
        let bell = context.socket(SocketType::REQ)?;
        bell.set_linger(LINGER)?;
        bell.connect(&control)?;
        // A blocking recv wakes for a message only, so the stop is one; whatever is answered to it is dropped.
        let waker = Box::new(move || {
            match bell.send(&b""[..], DONTWAIT) {
                // A loop that saw the stop behind a request of its own has ended by now: nobody is left to wake.
                Ok(()) | Err(zmq::Error::EAGAIN) => {}
                Err(error) => log::error!("the ZMQ loop could not be woken to stop: {error}"),
            }
        });
        Ok((Rep { socket, control, answered: Arc::default(), gate: Arc::clone(gate) }, waker))
    }

    /// What asks this socket's loop something, from another thread, and waits until that, or anything else, is answered: whether
    /// it was. It has to be dropped before `context` ends.
    pub fn probe(&self, context: &Context, stop: Stop) -> io::Result<Box<dyn Fn(Duration) -> bool + Send>> {
        let probe = context.socket(SocketType::REQ)?;
        probe.set_linger(0)?;
        // One that was never answered is no reason not to ask again (ZMQ_REQ_RELAXED).
        probe.set_req_relaxed(true)?;
        probe.set_req_correlate(true)?;
        probe.connect(&self.control)?;
        let answered = Arc::clone(&self.answered);
        Ok(Box::new(move |limit| {
            let (end, before) = (Instant::now() + limit, answered.load(Ordering::Relaxed));
            if probe.send(PROBE, DONTWAIT).is_err() {
                return false;
            }
            while !stop.begun() && Instant::now() < end {
                // Behind a thousand others it may wait long; that they are answered shows the same.
                if answered.load(Ordering::Relaxed) != before {
                    return true;
                }
                // What comes may be the answer to an earlier one, which the socket drops.
                let _ = probe.poll(zmq::POLLIN, LOOK.as_millis() as i64);
                let _ = probe.recv_msg(DONTWAIT);
            }
            false
        }))
    }

    /// Answers requests until `stop` begins, then those that have come already.
    pub fn serve(mut self, stop: &Stop, answer: impl Fn(Asked<'_>) -> Reply) -> io::Result<()> {
        let mut request = Message::new();
        loop {
            match self.socket.recv(&mut request, 0) {
                // The bell; it waits for no answer.
                Ok(()) if request.is_empty() && stop.begun() => self.send(b"")?,
                Ok(()) => self.reply(&mut request, &answer)?,
                Err(zmq::Error::EINTR) => continue,
                Err(error) => return Err(error.into()),
            }
            if stop.begun() {
                return self.drain(&answer);
            }
        }
    }

    fn drain(&mut self, answer: &impl Fn(Asked<'_>) -> Reply) -> io::Result<()> {
        let end = Instant::now() + DRAIN;
        let mut request = Message::new();
        while Instant::now() < end {
            // Who has connected and not spoken yet may be about to. Seen before the wait: libzmq has only just got who
            // spoke during it.
            let all_have_spoken = self.gate.is_quiet();
            let quiet = if self.gate.is_empty() { ALONE } else { QUIET };
            match self.socket.poll(zmq::POLLIN, quiet.as_millis() as i64) {
                Ok(0) if all_have_spoken => return Ok(()),
                Ok(_) => {}
                Err(zmq::Error::EINTR) => continue,
                Err(error) => return Err(error.into()),
            }
            match self.socket.recv(&mut request, DONTWAIT) {
                Ok(()) => self.reply(&mut request, answer)?,
                Err(zmq::Error::EAGAIN | zmq::Error::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn reply(&mut self, request: &mut Message, answer: &impl Fn(Asked<'_>) -> Reply) -> io::Result<()> {
        let frames = if request.get_more() { 1 + self.drop_rest()? } else { 1 };
        let asked = if frames == 1 { Asked::Request(request) } else { Asked::Multipart(frames) };
        // A panic costs the request that caused it; the peer gets an answer all the same, and REP stays in step.
        let reply = panic::catch_unwind(AssertUnwindSafe(|| answer(asked)))
            .unwrap_or_else(|_| Reply::failure(Code::Internal, "the registry failed at this request"));
        if reply.is_to_bad_request() {
            self.gate.counters().bad_requests.add();
        }
        self.answered.fetch_add(1, Ordering::Relaxed);
        match reply.body {
            Body::Shared(bytes) if bytes.len() >= WORTH_SHARING => self.share(request, bytes),
            body => self.send(&body),
        }
    }

    fn share(&mut self, request: &mut Message, bytes: Shared) -> io::Result<()> {
        if handoff::send_shared(&mut self.socket, request, bytes)? {
            return Ok(());
        }
        let text = "too many large replies wait to be read; try again in a moment";
        self.send(&Reply::failure(Code::Unavailable, text).body)
    }

    /// Without ZMQ_ROUTER_MANDATORY libzmq drops what a peer has no room for, or isn't there to take.
    fn send(&mut self, body: &[u8]) -> io::Result<()> {
        loop {
            match self.socket.send(body, 0) {
                Err(zmq::Error::EINTR) => {}
                sent => return Ok(sent?),
            }
        }
    }

    /// A multipart request must be read to its end, or the next recv fails.
    fn drop_rest(&self) -> io::Result<usize> {
        let mut frame = Message::new();
        let mut frames = 0;
        loop {
            match self.socket.recv(&mut frame, 0) {
                Ok(()) => frames += 1,
                Err(zmq::Error::EINTR) => continue,
                Err(error) => return Err(error.into()),
            }
            if !frame.get_more() {
                return Ok(frames);
            }
        }
    }
}
