//! `millrace doctor` on a healthy machine, and on ones that lack something.

use std::path::Path;

/// Exit code and output.
fn doctor(data: &Path, flags: &[&str], temporal: &Path) -> (bool, String) {
    let output = fixtures::tools::command(env!("CARGO_BIN_EXE_millrace"))
        .args(["doctor", "--scratch-reserve-mib", "1", "--data"])
        .arg(data)
        .args(flags)
        .env("MILLRACE_TEMPORAL", temporal)
        .env_remove("TEMPORAL_ADDRESS")
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn it_finds_what_is_wrong_and_says_what_to_do() {
    let Some(temporal) = fixtures::require_or_skip("temporal") else { return };
    if fixtures::require_or_skip("ffmpeg").is_none() {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let (healthy, said) = doctor(data.path(), &[], &temporal);
    assert!(healthy, "{said}");
    assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), 7, "{said}");

    assert!(said.contains("ok    children    held by "), "{said}");
    let (_, said) = doctor(data.path(), &["--containment", "off"], &temporal);
    assert!(said.contains("ok    children    held by nothing"), "{said}");

    let missing = Path::new("/nonexistent/temporal");
    let flags = ["--ffmpeg", "/nonexistent/ffmpeg", "--database", "postgres://127.0.0.1:1/x"];
    let (healthy, said) = doctor(data.path(), &flags, missing);
    assert!(!healthy, "{said}");
    for (name, advice) in [
        ("ffmpeg", "scripts/setup.sh"),
        ("temporal", "TEMPORAL_ADDRESS"),
        ("catalogue", "--database"),
    ] {
        let line = said.lines().find(|line| line.starts_with(&format!("FAIL  {name}")));
        assert!(line.is_some_and(|line| line.contains(advice)), "{name}: {said}");
    }
    assert!(said.contains("ok    store"), "{said}");
}

#[test]
fn another_secret_key_is_noticed_by_whoever_needs_it() {
    let Some(temporal) = fixtures::require_or_skip("temporal") else { return };
    if fixtures::require_or_skip("ffmpeg").is_none() {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let (healthy, said) = doctor(data.path(), &[], &temporal);
    assert!(healthy, "{said}");
    fs_err::remove_file(data.path().join("secret.key")).unwrap();
    let (healthy, said) = doctor(data.path(), &[], &temporal);
    let line = said.lines().find(|line| line.starts_with("FAIL  catalogue"));
    assert!(!healthy && line.is_some_and(|line| line.contains("--secret-key-file")), "{said}");
    // They stop before they look for a server, of which there is none at this address.
    for command in ["api", "worker", "up"] {
        let output = fixtures::tools::command(env!("CARGO_BIN_EXE_millrace"))
            .args([command, "--data"])
            .arg(data.path())
            .env("MILLRACE_TEMPORAL", &temporal)
            .env("MILLRACE_API_ADDR", "127.0.0.1:0")
            .env("MILLRACE_MEDIA_ADDR", "127.0.0.1:0")
            .env("TEMPORAL_ADDRESS", "http://127.0.0.1:1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && said.contains("--secret-key-file"),
            "{command}: {said}"
        );
    }
}
