//! What a contained child cannot do, with what it could do uncontained beside it; and that real
//! ffmpeg works all the same, whatever layers the kernel has.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use contain::{Containment, Layers, Limits, Network, Policy};
use ffmpeg::{Command, Output};
use fixtures::{PATIENCE, intruder};
use tempfile::TempDir;
use tokio::net::{TcpListener, UnixListener};

const MIB: u64 = 1 << 20;
/// Signals for using more processor time than there is, and writing more than a file may have
/// (signal(7)).
const SIGXCPU: i32 = 24;
const SIGXFSZ: i32 = 25;

/// A machine with things that a child should not reach.
struct Machine {
    dir: TempDir,
    canary: TcpListener,
    _socket: UnixListener,
}

impl Machine {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["other", "scratch", "input"] {
            fs_err::create_dir(dir.path().join(folder)).unwrap();
        }
        for file in ["other/source.mp4", "catalog.db", "secret.key", "input/source.mp4"] {
            fs_err::write(dir.path().join(file), "x").unwrap();
        }
        let canary = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = UnixListener::bind(dir.path().join("database.socket")).unwrap();
        Self { dir, canary, _socket: socket }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// Everything that is tried, and by which layers it is refused: `f`iles and `n`etwork of Landlock,
    /// its `s`copes, the `c`all filter, `l`imits and environment, `r`ights that root gives up with these;
    /// `-` is never refused.
    fn attempts(&self) -> Vec<(String, &'static str)> {
        let port = self.canary.local_addr().unwrap();
        let rows: Vec<(String, &'static str)> = vec![
            (format!("input read {}", self.path("input/source.mp4")), "-"),
            (format!("output write {}", self.path("scratch/out.mp4")), "-"),
            ("library read /etc/ld.so.cache".into(), "-"),
            ("null write /dev/null".into(), "-"),
            ("random read /proc/self/status".into(), "-"),
            ("thread thread".into(), "-"),
            (format!("video read {}", self.path("other/source.mp4")), "f"),
            (format!("list list {}", self.path("other")), "f"),
            (format!("catalogue read {}", self.path("catalog.db")), "f"),
            (format!("key read {}", self.path("secret.key")), "f"),
            (format!("overwrite write {}", self.path("input/source.mp4")), "f"),
            (format!("link link /etc/passwd {}", self.path("scratch/link")), "f"),
            (format!("drop write {}", self.path("drop")), "f"),
            ("shadow read /etc/shadow".into(), "f"),
            ("environ parent environ".into(), "fr"),
            ("cmdline parent cmdline".into(), "f"),
            ("trace trace".into(), "fcr"),
            (format!("connect connect {port}"), "nc"),
            (format!("datagram datagram {port}"), "c"),
            ("multipath multipath".into(), "c"),
            (format!("unix unix {}", self.path("database.socket")), "c"),
            ("ring ring".into(), "c"),
            ("signal signal".into(), "sc"),
            ("fork fork 20".into(), "c"),
            ("run run /bin/true".into(), "c"),
            ("raise raise".into(), "lc"),
            ("variable variable CANARY".into(), "l"),
            (format!("memory memory {}", 512 * MIB), "l"),
            (format!("shared shared {}", 3 * 512 * MIB), "l"),
        ];
        rows
    }

    fn policy(&self, layers: Layers) -> Policy {
        Policy {
            layers,
            read: vec![self.dir.path().join("input/source.mp4")],
            write: vec![self.dir.path().join("scratch")],
            limits: Limits {
                memory: Some(256 * MIB),
                addresses: Some(1024 * MIB),
                file_bytes: Some(16 * MIB),
                open_files: Some(64),
                ..Limits::default()
            },
            ..Policy::default()
        }
    }

    /// Runs the stand-in with these orders.
    async fn run(&self, orders: &[String], policy: Option<Policy>) -> Output {
        let tool = self.dir.path().join("ffmpeg");
        intruder::write(&tool, orders);
        // Not ours: variables of this process would be seen by tests beside this one.
        let command = Command::new(&tool);
        let command = match policy {
            Some(policy) => command.contained(policy),
            None => command.env("CANARY", "x"),
        };
        command.output(PATIENCE).await.unwrap()
    }

    async fn refused(&self, orders: &[String], policy: Option<Policy>) -> Vec<String> {
        let output = self.run(orders, policy).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let (reached, refused) = intruder::report(&said);
        assert_eq!(reached.len() + refused.len(), orders.len(), "{said}");
        refused.iter().map(|row| row.split(' ').next().unwrap().to_owned()).collect()
    }
}

/// The layers of this kernel; a test that needs all of them is skipped where there are fewer, and
/// fails in CI.
#[expect(clippy::print_stderr, reason = "a skipped test tells the person who runs it why")]
fn all_layers() -> Option<Layers> {
    let found = Layers::of_kernel();
    let all = found.landlock >= 6 && found.seccomp;
    assert!(all || std::env::var_os("CI").is_none(), "this kernel has only {found}");
    if !all {
        eprintln!("skipped: this kernel has only {found}");
    }
    all.then_some(found)
}

#[tokio::test]
async fn uncontained_everything_is_reached() {
    let machine = Machine::new().await;
    let orders: Vec<String> = machine.attempts().into_iter().map(|row| row.0).collect();
    assert_eq!(machine.refused(&orders, None).await, [""; 0]);
}

#[tokio::test]
async fn each_layer_refuses_its_part_and_all_together_everything() {
    let Some(all) = all_layers() else { return };
    let layers = |landlock, seccomp, limits| Layers { landlock, seccomp, limits };
    for (layers, held) in [
        (all, "fnscl"),
        (layers(1, true, true), "fcl"),
        (layers(4, false, true), "fnl"),
        (layers(6, false, false), "fns"),
        (layers(0, true, true), "cl"),
        (layers(0, false, true), "l"),
        (Layers::wanted(Containment::Limits), "l"),
        (Layers::wanted(Containment::Off), ""),
    ] {
        let machine = Machine::new().await;
        let attempts = machine.attempts();
        let orders: Vec<String> = attempts.iter().map(|row| row.0.clone()).collect();
        let refused = machine.refused(&orders, Some(machine.policy(layers))).await;
        let root = fs_err::metadata("/proc/self").unwrap().uid() == 0;
        let holds = |by: &str| {
            by.chars().any(|layer| match layer {
                'r' => root && held.contains('l'),
                other => held.contains(other),
            })
        };
        // What this machine's user may not do at all says nothing.
        let expected = attempts.iter().filter(|(_, by)| holds(by));
        let expected: Vec<&str> =
            expected.map(|(order, _)| order.split(' ').next().unwrap()).collect();
        // The variable is not there in any of these.
        let refused = refused.iter().filter(|row| held.contains('l') || *row != "variable");
        assert_eq!(refused.collect::<Vec<_>>(), expected, "{layers}");
    }
}

#[tokio::test]
async fn a_reader_of_the_relay_reaches_its_port_and_nothing_else() {
    let Some(all) = all_layers() else { return };
    let machine = Machine::new().await;
    let relay = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (relay, canary) = (relay.local_addr().unwrap(), machine.canary.local_addr().unwrap());
    let orders = [
        format!("relay connect {relay}"),
        format!("canary connect {canary}"),
        format!("datagram datagram {canary}"),
        "multipath multipath".to_owned(),
        format!("unix unix {}", machine.path("database.socket")),
    ];
    assert_eq!(machine.refused(&orders, None).await, [""; 0]);
    let policy = |layers| Policy { network: Network::Port(relay.port()), ..machine.policy(layers) };
    let refused = machine.refused(&orders, Some(policy(all))).await;
    assert_eq!(refused, ["canary", "datagram", "multipath", "unix"]);
    // Where Landlock knows no network, any port over TCP.
    let refused = machine.refused(&orders, Some(policy(Layers { landlock: 3, ..all }))).await;
    assert_eq!(refused, ["datagram", "multipath", "unix"]);
}

#[tokio::test]
async fn a_file_without_end_is_cut_off() {
    let machine = Machine::new().await;
    let file = machine.path("scratch/out.mp4");
    let orders = [format!("fill fill {file} 64")];
    assert_eq!(machine.refused(&orders, None).await, [""; 0]);
    assert_eq!(fs_err::metadata(&file).unwrap().len(), 64 * MIB);
    let policy = machine.policy(Layers::wanted(Containment::Limits));
    let output = machine.run(&orders, Some(policy)).await;
    assert_eq!(output.status.signal(), Some(SIGXFSZ));
    assert_eq!(fs_err::metadata(&file).unwrap().len(), 16 * MIB);
}

#[tokio::test]
async fn a_child_that_spins_ends_when_its_time_is_used_up() {
    let machine = Machine::new().await;
    let orders = ["spin spin".to_owned()];
    let mut policy = machine.policy(Layers::wanted(Containment::Limits));
    policy.limits.cpu_seconds = Some(1);
    let output = machine.run(&orders, Some(policy.clone())).await;
    assert_eq!(output.status.signal(), Some(SIGXCPU));
    // The control: what needs less is not ended.
    let output = machine.run(&["thread thread".to_owned()], Some(policy)).await;
    assert_eq!(output.status.signal(), None);
}

#[tokio::test]
async fn ffmpeg_works_whatever_layers_there_are() {
    let Some(tools) = crate::tools() else { return };
    let kernel = Layers::of_kernel();
    for landlock in 0..=kernel.landlock {
        for seccomp in [false, kernel.seccomp] {
            let layers = Layers { landlock, seccomp, limits: true };
            let dir = tempfile::tempdir().unwrap();
            let out = dir.path().join("out.mp4");
            let command = Command::new(&tools.ffmpeg)
                .args("-v error -f lavfi -i testsrc2=d=1:s=320x240 -f lavfi -i sine=d=1".split(' '))
                .args("-c:v libx264 -preset ultrafast -c:a aac -movflags +faststart -y".split(' '))
                .arg(&out)
                .contained_by_arguments(Policy { layers, ..Policy::default() });
            let output = command.output(PATIENCE).await.unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.is_empty(), "{layers}: {said}");
            assert!(Path::new(&out).is_file(), "{layers}");
        }
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_is_missing_contained_too() {
    let command = Command::new("/nowhere/ffmpeg").contained(Policy::default());
    let error = command.output(PATIENCE).await.unwrap_err();
    assert!(matches!(error, ffmpeg::Error::ToolMissing { .. }), "{error:?}");
}
