//! No redirect leads where the address itself could not.

use fetch::{Client, Config, Error, Refusal};
use tempfile::TempDir;

use crate::{
    ALLOWED, DENIED, client, config,
    server::{Reply, Server},
};

async fn redirecting(to: String) -> Server {
    let reply =
        move |_: &_| Reply::new("302 Found", &[("Location", &to), ("Content-Length", "0")], b"");
    Server::start(ALLOWED, reply).await
}

async fn fetch(client: &Client, url: &url::Url) -> Result<fetch::Downloaded, Error> {
    let folder = TempDir::new().unwrap();
    client.download(url, &folder.path().join("source"), |_| ()).await
}

#[tokio::test]
async fn a_redirect_to_a_file_is_followed_without_telling_where_from() {
    let target =
        Server::start(ALLOWED, |_| Reply::new("200 OK", &[("Content-Length", "2")], b"ok")).await;
    let server = redirecting(target.url("/there.mp4").to_string()).await;
    let downloaded = fetch(&client(), &server.url("/here?key=secret")).await.unwrap();
    assert_eq!(downloaded.final_url, target.url("/there.mp4"));
    assert_eq!(downloaded.file_name.as_deref(), Some("there.mp4"));
    assert!(!target.requests()[0].head.contains("secret"));
}

#[tokio::test]
async fn a_redirect_to_what_is_not_public_is_refused() {
    let denied =
        Server::start(DENIED, |_| Reply::new("200 OK", &[("Content-Length", "2")], b"ok")).await;
    let port = denied.address().port();
    for to in [
        denied.url("/").to_string(),
        format!("http://[::ffff:127.0.0.2]:{port}/"),
        format!("http://2130706434:{port}/"),
        format!("http://0x7f.2:{port}/"),
        format!("//127.0.0.2:{port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
    ] {
        let server = redirecting(to.clone()).await;
        let error = fetch(&client(), &server.url("/")).await.unwrap_err();
        assert!(
            matches!(&error, Error::Forbidden { reason: Refusal::Address { .. } }),
            "{to}: {error:?}"
        );
        assert!(!error.is_transient());
    }
    assert!(denied.requests().is_empty());
}

#[tokio::test]
async fn a_name_of_what_is_not_public_is_refused() {
    // Here it is the other way round: 127.0.0.1, which is what the name stands for, is denied.
    let denied =
        Server::start(ALLOWED, |_| Reply::new("200 OK", &[("Content-Length", "2")], b"ok")).await;
    let to = format!("http://localhost:{}/", denied.address().port());
    let client =
        Client::new(Config { allow: vec!["127.0.0.2/32".parse().unwrap()], ..config() }).unwrap();
    let refused = |error: Error| {
        let reason = Refusal::Address { host: "localhost".into() };
        assert!(
            matches!(&error, Error::Forbidden { reason: found } if *found == reason),
            "{error:?}"
        );
    };
    refused(fetch(&client, &to.parse().unwrap()).await.unwrap_err());
    let location = to.clone();
    let reply = move |_: &_| Reply::new("307 X", &[("Location", &location)], b"");
    let server = Server::start(DENIED, reply).await;
    refused(fetch(&client, &server.url("/")).await.unwrap_err());
    assert!(denied.requests().is_empty());
}

#[tokio::test]
async fn a_redirect_to_another_scheme_or_with_a_password_is_refused() {
    for to in ["file:///etc/passwd", "ftp://example.org/a", "gopher://example.org/"] {
        let server = redirecting(to.to_owned()).await;
        let error = fetch(&client(), &server.url("/")).await.unwrap_err();
        assert!(
            matches!(&error, Error::Forbidden { reason: Refusal::Scheme { .. } }),
            "{to}: {error:?}"
        );
    }
    let server = redirecting("http://me:secret@127.0.0.1/".to_owned()).await;
    let error = fetch(&client(), &server.url("/")).await.unwrap_err();
    assert!(matches!(&error, Error::Forbidden { reason: Refusal::Credentials }), "{error:?}");
}

#[tokio::test]
async fn a_circle_is_left() {
    let server = redirecting("/again".to_owned()).await;
    let error = fetch(&client(), &server.url("/")).await.unwrap_err();
    assert!(matches!(&error, Error::TooManyRedirects { limit: 5 }), "{error:?}");
    assert_eq!(server.requests().len(), 6);
}
