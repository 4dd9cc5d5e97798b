//! What the OpenAPI document says is what the running API does, for requests that a machine thinks
//! up; and keys, from the command line to the API.

use fixtures::{Temporal, temporal::Options};

use crate::product::{Flags, Product, data, keys, millrace};

/// What every answer is checked for.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,\
                      negative_data_rejection,unsupported_method";

/// What refuses a wrong request: also tus's precondition (412), and sizes (413). Bodies of tus's own
/// type cannot be thought up, so there the set cases must do.
const CONFIG: &str = r#"
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 428, 429]

[[operations]]
include-name = "PATCH /uploads/{id}"
phases.fuzzing.enabled = false
"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_document_says_what_the_api_does() {
    let Some(schemathesis) = fixtures::require_or_skip("schemathesis") else { return };
    let Some(temporal) = Temporal::start_or_skip(Options::default()).await else { return };
    let data = data();
    let key = keys(data.path(), &["create", "--name", "tests"]).remove(0);
    let product = Product::api_alone(data.path(), &temporal.address(), &Flags::default());
    fs_err::write(data.path().join("schemathesis.toml"), CONFIG).unwrap();
    let output = fixtures::tools::command(schemathesis)
        .args(["run", &format!("{}/openapi.json", product.api())])
        .args(["--header", &format!("Authorization: Bearer {key}")])
        // It answers until the video has ended, and here nobody makes it.
        .args(["--exclude-path", "/videos/{id}/events"])
        .args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing,stateful"])
        .args(["--max-examples", "15", "--generation-deterministic"])
        .args(["--request-timeout", "10", "--no-color"])
        .current_dir(data.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let line = said.lines().find(|line| line.contains(" generated, ")).unwrap_or(&said);
    let mut numbers = line.split_whitespace().filter_map(|word| word.parse::<u32>().ok());
    let (generated, passed) = (numbers.next().unwrap(), numbers.next().unwrap());
    assert!(generated >= 500 && passed == generated, "{said}");
}

#[test]
fn keys_are_made_listed_and_revoked() {
    let data = data();
    let made = keys(
        data.path(),
        &["create", "--name", "shop", "--tenant", "acme", "--requests-per-minute", "60"],
    );
    let [text] = &made[..] else { panic!("{made:?}") };
    assert!(text.starts_with("mr_") && text.len() == 46, "{text}");
    let listed = keys(data.path(), &["list"]);
    let [_, key] = &listed[..] else { panic!("{listed:?}") };
    let columns: Vec<_> = key.split_whitespace().collect();
    assert_eq!((columns[1..5].to_vec(), columns[6]), (vec!["shop", "acme", "60", "-"], "-"));
    assert!(!key.contains(&text[3..]), "{key}");
    for _ in 0..2 {
        keys(data.path(), &["revoke", columns[0]]);
    }
    let listed = keys(data.path(), &["list"]);
    assert!(!listed[1].ends_with('-'), "{listed:?}");

    for tenant in ["acme/b", "", "ü", ".."] {
        let mut command = millrace("keys", data.path());
        let output = command.args(["create", "--name", "x", "--tenant", tenant]).output().unwrap();
        assert!(!output.status.success(), "{tenant}");
    }

    let unknown = "01a00000-0000-7000-8000-000000000000";
    let output = millrace("keys", data.path()).args(["revoke", unknown]).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("millrace keys list"));
}
