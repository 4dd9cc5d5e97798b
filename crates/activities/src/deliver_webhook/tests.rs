//! Real receivers, good and bad; what they are sent is verified by the library receivers use.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Response},
};
use catalog::{NewVideo, Private, Sent, Webhook, WebhookFormat};
use contract::{ErrorCode, Event, Failure, Source, completion};
use standardwebhooks::Webhook as Verifier;

use super::*;
use crate::studio::Studio;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What a receiver answers: a status, and headers.
type Reply = (u16, &'static [(&'static str, &'static str)]);
/// What a receiver will answer, and what it was sent.
type Book = (VecDeque<Reply>, Vec<(HeaderMap, Bytes)>);

/// A receiver with a list of answers, the last of which repeats, that keeps what it is sent.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Book>>);

impl Receiver {
    /// Starts it; answers its address too.
    async fn start(replies: &[Reply]) -> (Self, String) {
        let receiver = Self::default();
        receiver.0.lock().unwrap().0.extend(replies);
        let app = Router::new().fallback(take).with_state(receiver.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?token=hidden", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (receiver, url)
    }

    fn taken(&self) -> Vec<(HeaderMap, Bytes)> {
        self.0.lock().unwrap().1.clone()
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let (status, with) = {
        let mut all = receiver.0.lock().unwrap();
        all.1.push((headers, body));
        if all.0.len() > 1 { all.0.pop_front() } else { all.0.front().copied() }.unwrap()
    };
    if status == 0 {
        std::future::pending::<()>().await;
    }
    let mut answer = Response::builder().status(status);
    for (name, value) in with {
        answer = answer.header(*name, *value);
    }
    // An answer without end: nothing but its head is read.
    let endless = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'x'; 65_536]));
    answer.body(Body::from_stream(endless)).unwrap()
}

/// A studio whose video has failed, with a webhook to be told; receivers here are allowed.
async fn studio(url: &str, secret: Option<&str>) -> (Studio, Input) {
    let mut studio = Studio::open().await;
    let allowed = vec!["127.0.0.1/32".parse().unwrap()];
    studio.deps.webhooks.poster = fetch::Poster::new(allowed, fixtures::PATIENCE).unwrap();
    let source = Source::Url { url: "https://example.org/a.mp4".into() };
    let webhook = Webhook {
        url: Secret::new(url),
        secret: secret.map(Secret::new),
        events: Event::ALL.to_vec(),
        format: WebhookFormat::Standard,
    };
    let private = Private { webhook: Some(webhook), stores: None };
    let new = NewVideo { private, ..NewVideo::new(studio.video, "default", source) };
    studio.deps.catalog.insert(new).await.unwrap();
    let failure = Failure { code: ErrorCode::NoStreams, message: "nothing in it".into() };
    let outcome = completion::Outcome::Failed { failure, warnings: vec![] };
    let end = completion::Input { video: studio.video, attempt: 1, outcome };
    let due = studio.deps.catalog.finish(&end).await.unwrap().delivery.unwrap();
    let forged = run(&studio.deps, Input::first(due)).await.unwrap_err();
    assert_eq!(forged.code(), contract::ErrorCode::Unauthorized);
    let message = studio.deps.catalog.vouch(Input::first(due)).unwrap();
    (studio, message)
}

async fn log(studio: &Studio, input: Input) -> (DeliveryStatus, Vec<Sent>) {
    let delivery = studio.deps.catalog.delivery(input.delivery).await.unwrap().unwrap();
    (delivery.status, studio.deps.catalog.sendings(&delivery).await.unwrap())
}

/// Sends once and answers whether it may be tried again, after which pause; `None` when taken.
async fn once(studio: &Studio, input: Input) -> Option<Option<Duration>> {
    match run(&studio.deps, input).await {
        Ok(()) => None,
        Err(Error::NotTaken { again, .. }) => Some(again),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn what_was_not_taken_is_sent_again_signed_and_the_same() {
    let (receiver, url) = Receiver::start(&[(500, &[]), (200, &[])]).await;
    let (studio, input) = studio(&url, Some(SECRET)).await;
    assert!(once(&studio, input).await.unwrap().is_some());
    assert_eq!(once(&studio, input).await, None);
    // Run once more it sends nothing: the message was taken.
    assert_eq!(once(&studio, input).await, None);
    let taken = receiver.taken();
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[0].1, taken[1].1);
    let verifier = Verifier::new(SECRET).unwrap();
    for (headers, body) in &taken {
        assert_eq!(headers["webhook-id"], input.delivery.to_string());
        assert_eq!(headers["content-type"], "application/json");
        verifier.verify(body, headers).unwrap();
        let tampered = String::from_utf8_lossy(body).replace("failed", "ready");
        assert!(verifier.verify(tampered.as_bytes(), headers).is_err());
    }
    let body: serde_json::Value = serde_json::from_slice(&taken[0].1).unwrap();
    assert_eq!(
        (&body["type"], &body["data"]["error"]["code"]),
        (&"video.failed".into(), &"no_streams".into())
    );
    let (status, sent) = log(&studio, input).await;
    assert_eq!(status, DeliveryStatus::Delivered);
    assert_eq!(
        sent.iter().map(|it| it.sending.http_status).collect::<Vec<_>>(),
        [Some(500), Some(200)]
    );
}

#[tokio::test]
async fn after_a_rotation_old_and_new_secret_sign() {
    let (receiver, url) = Receiver::start(&[(204, &[])]).await;
    let (studio, input) = studio(&url, None).await;
    studio.deps.catalog.signing_secrets("default").await.unwrap();
    let day = Duration::from_hours(24);
    let both = studio.deps.catalog.rotate_signing_secret("default", day).await.unwrap();
    assert_eq!(once(&studio, input).await, None);
    let (headers, body) = &receiver.taken()[0];
    assert_eq!(headers["webhook-signature"].to_str().unwrap().split(' ').count(), 2);
    for signing in both {
        Verifier::new(signing.secret.expose()).unwrap().verify(body, headers).unwrap();
    }
}

#[tokio::test]
async fn refusals_are_final_and_faults_are_not() {
    let redirect: &[_] = &[("location", "http://127.0.0.2/")];
    let cases: [(Reply, Option<Duration>); 6] = [
        ((410, &[]), None),
        ((404, &[]), None),
        ((302, redirect), None),
        ((429, &[("retry-after", "30")]), Some(Duration::from_secs(30))),
        ((503, &[("retry-after", "999999")]), Some(schedule::PAUSE_MAX)),
        // Answers nothing at all.
        ((0, &[]), Some(Duration::ZERO)),
    ];
    for (reply, expected) in cases {
        let (receiver, url) = Receiver::start(&[reply]).await;
        let (studio, input) = studio(&url, Some(SECRET)).await;
        // A day, so that no pause comes too late.
        let mut studio = studio;
        studio.deps.webhooks.patience = Duration::from_hours(24);
        let silent = reply.0 == 0;
        if silent {
            let allowed = vec!["127.0.0.1/32".parse().unwrap()];
            studio.deps.webhooks.poster =
                fetch::Poster::new(allowed, Duration::from_millis(300)).unwrap();
        }
        let again = once(&studio, input).await.unwrap();
        assert_eq!(again.is_some(), expected.is_some(), "{reply:?}");
        assert!(again >= expected, "{reply:?}: {again:?}");
        let (status, sent) = log(&studio, input).await;
        assert_eq!(status == DeliveryStatus::Failed, expected.is_none(), "{reply:?}");
        assert!(sent[0].sending.error.is_some(), "{reply:?}");
        // What waits 300 ms in all may be given up before it has arrived.
        assert!(receiver.taken().len() == 1 || silent, "{reply:?}");
    }
}

#[tokio::test]
async fn an_address_that_may_not_be_reached_is_refused_by_name() {
    let (studio, input) = studio("http://127.0.0.2:9/hook?token=hidden", Some(SECRET)).await;
    assert_eq!(once(&studio, input).await, Some(None));
    let (status, sent) = log(&studio, input).await;
    let error = sent[0].sending.error.clone().unwrap();
    assert_eq!(status, DeliveryStatus::Failed);
    assert_eq!(error, "the address is refused: `127.0.0.2` is not a public address");
}

#[tokio::test]
async fn a_receiver_that_is_down_is_tried_until_it_is_too_late() {
    // A port that was free just now: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (mut studio, input) = studio(&format!("http://127.0.0.1:{port}/"), Some(SECRET)).await;
    assert!(once(&studio, input).await.unwrap().is_some());
    studio.deps.webhooks.patience = Duration::ZERO;
    assert_eq!(once(&studio, input).await, Some(None));
    let (status, sent) = log(&studio, input).await;
    let error = sent[1].sending.error.clone().unwrap();
    assert_eq!(
        (status, error.as_str()),
        (DeliveryStatus::Failed, "no connection to the receiver; given up")
    );
}

#[tokio::test]
async fn a_message_that_cannot_be_signed_or_read_fails_in_the_log() {
    let (receiver, url) = Receiver::start(&[(200, &[])]).await;
    for secret in ["whsec_?", "whsec_", "whsec_AAE", ""] {
        let (studio, input) = studio(&url, Some(secret)).await;
        assert_eq!(once(&studio, input).await, Some(None), "{secret:?}");
        // Nobody looks for it any more, and to run it once more does nothing.
        assert_eq!(once(&studio, input).await, None, "{secret:?}");
        let (status, sent) = log(&studio, input).await;
        assert_eq!((status, sent.len()), (DeliveryStatus::Failed, 1), "{secret:?}");
        let why = sent[0].sending.error.clone().unwrap();
        assert!(why.contains("cannot sign"), "{why}");
    }
    let (mut studio, input) = studio(&url, Some(SECRET)).await;
    let right = studio.deps.catalog.clone();
    let database = catalog::sqlite_url(&studio.folder.path().join("catalog.db")).unwrap();
    let vault = catalog::Vault::ephemeral().unwrap();
    studio.deps.catalog = catalog::Catalog::open(&database, vault).await.unwrap();
    let again = studio.deps.catalog.vouch(input).unwrap();
    assert_eq!(once(&studio, again).await, Some(None));
    studio.deps.catalog = right;
    assert_eq!(log(&studio, input).await.0, DeliveryStatus::Failed);
    assert_eq!(receiver.taken(), []);
}
