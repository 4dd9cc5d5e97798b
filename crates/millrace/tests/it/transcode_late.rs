//! `millrace transcode` where Temporal is up, but takes the video late: it says so, waits, and goes on.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};

use fixtures::{Clip, PATIENCE, Port};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

use crate::transcode::command;

/// Made in the folder of state after all else that is asked before the video is started.
const LAST_BEFORE_START: &str = "incoming";

/// A Temporal server behind the test: a stand-in for `temporal` that starts the real one on `port`, once
/// somebody listens where it was to listen itself.
fn stand_in(folder: &Path, real: &Path, port: &Port) -> PathBuf {
    let program = folder.join("temporal");
    let script = format!(
        "#!/bin/sh\n\
         for arg in \"$@\"; do\n\
         shift; given=$arg\n\
         if [ \"$before\" = --port ]; then echo \"$arg\" >\"$0.wanted\"; given={}; fi\n\
         set -- \"$@\" \"$given\"; before=$arg\n\
         done\n\
         while [ ! -e \"$0.answered\" ]; do sleep 0.05; done\n\
         exec {} \"$@\"\n",
        port.number(),
        real.display()
    );
    fs_err::write(&program, script).unwrap();
    fs_err::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program
}

/// Listens where the stand-in was to listen.
async fn listen(program: &Path) -> TcpListener {
    let told = async {
        loop {
            let text = fs_err::read_to_string(program.with_extension("wanted")).unwrap_or_default();
            if let Some(port) = text.strip_suffix('\n') {
                return port.parse::<u16>().unwrap();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let port = tokio::time::timeout(PATIENCE, told).await.expect("temporal is started");
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    fs_err::write(program.with_extension("answered"), "").unwrap();
    listener
}

/// Hands on what clients and the server say. What is asked once `marker` is there, such as to start the
/// video, is handed on only when that is let through.
async fn between(
    clients: TcpListener,
    server: u16,
    marker: PathBuf,
    opened: watch::Receiver<bool>,
) {
    while let Ok((client, _)) = clients.accept().await {
        let gate = (marker.clone(), opened.clone());
        tokio::spawn(async move {
            let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
            let ((asked, answers), (answered, asks)) = (client.into_split(), server.into_split());
            tokio::join!(hand_on(asked, asks, Some(gate)), hand_on(answered, answers, None));
        });
    }
}

/// Hands on one direction; ends with either end of it.
async fn hand_on(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut gate: Option<(PathBuf, watch::Receiver<bool>)>,
) {
    let mut bytes = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if let Some((marker, opened)) = &mut gate
            && marker.exists()
            && opened.wait_for(|open| *open).await.is_err()
        {
            return;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_waits_for_a_temporal_that_does_not_answer_and_says_so() {
    let Some(real) = fixtures::require_or_skip("temporal") else { return };
    let (folder, port) = (tempfile::tempdir().unwrap(), Port::take().unwrap());
    let (program, output) = (stand_in(folder.path(), &real, &port), folder.path().join("out"));
    let clip = Clip::new().size(320, 240).seconds(3);
    let Some(mut command) = command(&clip.path(), &output) else { return };
    command.env("MILLRACE_TEMPORAL", &program).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut running = Running(command.spawn().unwrap());
    let mut lines = BufReader::new(running.0.stderr.take().unwrap()).lines().map_while(Result::ok);
    let (open, opened) = watch::channel(false);
    let marker = output.join(".millrace").join(LAST_BEFORE_START);
    tokio::spawn(between(listen(&program).await, port.number(), marker, opened));

    let waiting = tokio::task::spawn_blocking(move || {
        let line = lines.find(|line| line.contains("waiting"));
        (line, lines)
    });
    let (line, lines) = waiting.await.unwrap();
    assert_eq!(line.as_deref(), Some("Temporal does not answer yet; waiting for up to 10 min"));
    open.send(true).unwrap();
    let ended = tokio::task::spawn_blocking(move || {
        let said: Vec<_> = lines.collect();
        (running.0.wait().unwrap(), said)
    });
    let (status, said) = ended.await.unwrap();
    assert!(status.success(), "{said:?}");
    assert!(!said.iter().any(|line| line.contains("waiting")), "said twice: {said:?}");
    assert!(output.join("master.m3u8").is_file());
}
