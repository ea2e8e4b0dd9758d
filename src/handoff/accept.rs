//! The `accept` that libzmq calls. The vendored libzmq takes connections with plain `accept(2)` and nothing else in the
//! program does (Rust's std calls `accept4`), so defining the symbol here gives libzmq our connections and leaves
//! everybody else alone. [`prove`] shows at every start that it is so; a test looks at the linked binary.

use std::ffi::{c_int, c_void};
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use super::gate::Gate;
use super::options::use_fd;
use super::peers;

/// The gates by the descriptor that libzmq listens on. Few, and written only at the start.
static GATES: RwLock<Vec<(RawFd, Arc<Gate>)>> = RwLock::new(Vec::new());
/// The descriptor of [`prove`]'s trial, and whom to tell that `accept` was called on it.
static TRIAL: AtomicI32 = AtomicI32::new(-1);
static TRIED: Mutex<Option<Sender<()>>> = Mutex::new(None);
/// How long the trial may take. It needs a millisecond on an idle machine.
const TRIAL_TIME: Duration = Duration::from_secs(5);

/// Gives `socket` the connections that come through `gate`.
pub fn bind(socket: &mut zmq::Socket, gate: &Arc<Gate>) -> io::Result<()> {
    peers::report_to(gate.counters(), gate.notify());
    // libzmq closes the descriptor it listens on, so it gets one of its own for the same epoll instance.
    let descriptor = gate.readiness().try_clone_to_owned()?;
    GATES.write().unwrap_or_else(PoisonError::into_inner).push((descriptor.as_raw_fd(), Arc::clone(gate)));
    listen_on(socket, descriptor)
}

/// Binds `socket` to an open descriptor; the address is ignored beside it (libzmq, zmq_setsockopt(3), ZMQ_USE_FD).
fn listen_on(socket: &mut zmq::Socket, descriptor: OwnedFd) -> io::Result<()> {
    use_fd(socket, descriptor.as_raw_fd())?;
    socket.bind("tcp://127.0.0.1:1").map_err(io::Error::other)?;
    // From here on it is libzmq's, which closes it with the socket.
    let _ = descriptor.into_raw_fd();
    Ok(())
}

/// Shows that libzmq calls our `accept`, with a socket and one connection that are gone afterwards. Without this, a
/// libzmq that was built otherwise would abort at its first connection.
pub fn prove(context: &zmq::Context) -> io::Result<()> {
    let (tried, trial) = mpsc::channel();
    *TRIED.lock().unwrap_or_else(PoisonError::into_inner) = Some(tried);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).or_else(|_| TcpListener::bind("[::1]:0"))?;
    let address = listener.local_addr()?;
    let mut socket = context.socket(zmq::REP).map_err(io::Error::other)?;
    TRIAL.store(listener.as_raw_fd(), Ordering::SeqCst);
    listen_on(&mut socket, listener.into())?;
    let _client = TcpStream::connect(address)?;
    let outcome = trial.recv_timeout(TRIAL_TIME);
    TRIAL.store(-1, Ordering::SeqCst);
    outcome.map_err(|_| {
        io::Error::other(
            "this build's libzmq does not take its connections through the registry's own accept()",
        )
    })
}

/// accept(2), as libzmq's listeners call it.
///
/// On a gate's descriptor the result is a connection that speaks ZMTP, or -1 with `errno` AGAIN, MFILE, NFILE, NOBUFS or
/// NOMEM; the address is left alone (libzmq reads it only for its address filters, which nobody sets here). On any other
/// descriptor it is the system call.
///
/// # Safety
/// As for accept(2): `address` and `length` are both null or point to a buffer and its length.
#[unsafe(no_mangle)]
unsafe extern "C" fn accept(descriptor: c_int, address: *mut c_void, length: *mut u32) -> c_int {
    let Some(gate) = gate_of(descriptor) else {
        if TRIAL.load(Ordering::SeqCst) == descriptor
            && let Some(tried) = TRIED.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            let _ = tried.send(());
        }
        // SAFETY: the caller upholds accept(2)'s contract, which accept4(2) without flags shares.
        return unsafe { libc::accept4(descriptor, address.cast(), length, 0) };
    };
    match gate.next() {
        Ok(stream) => stream.into_raw_fd(),
        Err(error) => {
            // SAFETY: the location of this thread's errno is always valid and only this thread's.
            unsafe { *libc::__errno_location() = error.raw_os_error() };
            -1
        }
    }
}

fn gate_of(descriptor: RawFd) -> Option<Arc<Gate>> {
    let gates = GATES.read().unwrap_or_else(PoisonError::into_inner);
    gates.iter().find(|(known, _)| *known == descriptor).map(|(_, gate)| Arc::clone(gate))
}
