//! The one thread that starts every child.
//!
//! Linux sends the parent-death signal when the *thread* that forked ends, not the process. A child
//! forked on a pooled thread would die with that idle thread; this thread never ends.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{LazyLock, mpsc};
use std::thread;

use tokio::process::{Child, Command};
use tokio::runtime::Handle;

struct Request {
    command: Command,
    runtime: Handle,
    reply: mpsc::SyncSender<io::Result<Child>>,
}

static SPAWNER: LazyLock<io::Result<mpsc::Sender<Request>>> = LazyLock::new(|| {
    let (requests, inbox) = mpsc::channel();
    thread::Builder::new().name("child-spawner".into()).spawn(move || serve(&inbox))?;
    Ok(requests)
});

/// Starts `command` from the spawner thread; blocks for the milliseconds that a fork takes.
///
/// The child's pipes and exit belong to the runtime of the caller.
pub(super) fn spawn(command: Command) -> io::Result<Child> {
    let runtime = Handle::try_current().map_err(io::Error::other)?;
    let requests =
        SPAWNER.as_ref().map_err(|error| io::Error::new(error.kind(), error.to_string()))?;
    let (reply, answer) = mpsc::sync_channel(1);
    let gone = || io::Error::other("the spawner thread has ended");
    requests.send(Request { command, runtime, reply }).map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())?
}

fn serve(inbox: &mpsc::Receiver<Request>) {
    while let Ok(Request { mut command, runtime, reply }) = inbox.recv() {
        // A panic here would end the thread and with it every child of the process.
        let started = catch_unwind(AssertUnwindSafe(|| {
            let _entered = runtime.enter();
            command.spawn()
        }));
        let started = started.unwrap_or_else(|_| Err(io::Error::other("the runtime has ended")));
        // The caller waits for this answer, so it can only be gone if its thread panicked; the
        // process is then reaped by tokio and dies with this one.
        let _ = reply.send(started);
    }
}
