//! Who may call: keys, their rate limits, and callers without a key.
//!
//! A key is needed once one exists, and always when other machines can call. Before that, a key
//! that is sent is ignored, as it can only belong to another service.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, header, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use catalog::{ApiKey, ApiKeys, Catalog};
use media::tenant;
use tokio::sync::Mutex;

use crate::{
    Api,
    caller::Caller,
    limits::Limits,
    operator,
    problem::{Kind, Problem},
    strangers::Strangers,
};

/// How long keys are cached: a revoked one keeps working for that long.
const BELIEVED: Duration = Duration::from_secs(2);
/// Paths that need no key: they reveal nothing about any video.
const OPEN: [&str; 4] = ["/", "/healthz", "/readyz", "/openapi.json"];
/// The files of the web page.
const OPEN_FOLDER: &str = "/assets/";

/// Authenticates every call.
pub(crate) struct Guard {
    api: Arc<Api>,
    keys: Keys,
    limits: Limits,
    strangers: Strangers,
    /// Set once a key was sent although there are none.
    ignored_one: AtomicBool,
}

/// Passes a request on together with its caller, or refuses it.
pub(crate) async fn guard(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    match guard.admit(&parts).await {
        Ok(caller) => {
            if let Some(caller) = caller {
                parts.extensions.insert(caller);
            }
            next.run(Request::from_parts(parts, body)).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

impl Guard {
    pub(crate) fn new(api: Arc<Api>) -> Self {
        let strangers = Strangers::new(api.settings.bounds.unknown_keys_per_minute);
        let (keys, ignored_one) = (Keys::new(api.catalog.clone()), AtomicBool::new(false));
        Self { keys, limits: Limits::default(), strangers, ignored_one, api }
    }

    /// The caller; `None` without a key where none is needed.
    async fn admit(&self, request: &Parts) -> Result<Option<Caller>, Problem> {
        if is_read(&request.method) && is_open(request.uri.path()) {
            return Ok(None);
        }
        let access = &self.api.settings.access;
        let for_operators = operator::is_for_operators(request.uri.path());
        let token = access.operator.as_ref().filter(|_| for_operators);
        if let Some(token) = token
            && shown(&request.headers).is_some_and(|text| token.is(text))
        {
            return Ok(None);
        }
        let Some(text) = shown(&request.headers) else {
            let any = self.keys.any().await?;
            return match (access.exposed, any) {
                (_, true) => Err(missing("every call needs an API key")),
                (true, false) => Err(missing("there is no API key yet, and every call needs one")),
                (false, false) => access.check(request).map(|()| None),
            };
        };
        let recent = self.keys.recent().await?.find(text).cloned();
        let found = match recent {
            Some(found) => Some(found),
            None => self.look_for(text, request).await?,
        };
        let Some(key) = found else {
            if !access.exposed && !self.keys.any().await? {
                access.check(request)?;
                self.tell_of_ignored();
                return Ok(None);
            }
            let detail = "there is no such API key, or it has been revoked";
            return Err(Problem::new(Kind::UnknownKey, detail));
        };
        self.limits.take(&key)?;
        if for_operators && key.tenant != tenant::DEFAULT {
            return Err(operator::refusal());
        }
        Ok(Some(Caller { tenant: key.tenant, key: Some(key.id) }))
    }

    /// Looks for a key that may have been made since the keys were read.
    async fn look_for(&self, text: &str, request: &Parts) -> Result<Option<ApiKey>, Problem> {
        if !ApiKeys::is_plausible(text) || self.strangers.knows(text) {
            return Ok(None);
        }
        self.strangers.take(request)?;
        let asked = Instant::now();
        let found = self.keys.newer(asked).await?.find(text).cloned();
        if found.is_none() {
            self.strangers.remember(text, asked);
        }
        Ok(found)
    }

    /// Logs once that keys are sent here and ignored: many clients always send one.
    fn tell_of_ignored(&self) {
        if !self.ignored_one.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "a caller shows an API key, and there are none: it is answered like every caller on \
                 this machine; with `millrace keys create` only holders of keys are"
            );
        }
    }
}

/// True for a path that needs no key.
pub(crate) fn is_open(path: &str) -> bool {
    OPEN.contains(&path) || path.starts_with(OPEN_FOLDER)
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn missing(why: &str) -> Problem {
    let detail = format!(
        "{why}: make one with `millrace keys create` and send it as `Authorization: Bearer KEY`"
    );
    Problem::new(Kind::KeyRequired, detail)
}

/// The key that a request sends.
pub(crate) fn shown(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| value.split_once(' '));
    let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let header = || headers.get("x-api-key").and_then(|value| value.to_str().ok());
    bearer.map(|(_, key)| key.trim()).or_else(header)
}

/// The keys as the catalogue has them, read at most every [`BELIEVED`] and when an unknown one is
/// shown, by one caller at a time.
struct Keys {
    catalog: Catalog,
    known: RwLock<Option<Known>>,
    reading: Mutex<()>,
}

#[derive(Clone)]
struct Known {
    keys: Arc<ApiKeys>,
    /// When they were asked for.
    at: Instant,
}

impl Keys {
    fn new(catalog: Catalog) -> Self {
        Self { catalog, known: RwLock::default(), reading: Mutex::default() }
    }

    async fn any(&self) -> Result<bool, Problem> {
        Ok(!self.recent().await?.is_empty())
    }

    /// The keys as they are, read since `asked`.
    async fn newer(&self, asked: Instant) -> Result<Arc<ApiKeys>, Problem> {
        self.read(|known| known.at >= asked).await
    }

    async fn recent(&self) -> Result<Arc<ApiKeys>, Problem> {
        self.read(|known| known.at.elapsed() < BELIEVED).await
    }

    /// The keys that are `good` enough, read now if need be.
    async fn read(&self, good: impl Fn(&Known) -> bool) -> Result<Arc<ApiKeys>, Problem> {
        let known = || {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            known.as_ref().filter(|known| good(known)).map(|known| Arc::clone(&known.keys))
        };
        if let Some(keys) = known() {
            return Ok(keys);
        }
        let _turn = self.reading.lock().await;
        if let Some(keys) = known() {
            return Ok(keys);
        }
        let at = Instant::now();
        let keys = Arc::new(self.catalog.usable_api_keys().await?);
        let mut place = self.known.write().unwrap_or_else(PoisonError::into_inner);
        *place = Some(Known { keys: Arc::clone(&keys), at });
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_shown_in_either_of_two_headers() {
        for (name, value, expected) in [
            ("authorization", "Bearer mr_a", Some("mr_a")),
            ("authorization", "bearer  mr_a ", Some("mr_a")),
            ("x-api-key", "mr_a", Some("mr_a")),
            ("authorization", "Basic bXJfYQ==", None),
            ("authorization", "mr_a", None),
        ] {
            let headers = [(name.parse().unwrap(), value.parse().unwrap())];
            assert_eq!(shown(&headers.into_iter().collect()), expected, "{name}: {value}");
        }
    }

    #[test]
    fn only_what_tells_nothing_is_open() {
        for path in ["/", "/healthz", "/readyz", "/openapi.json", "/assets/app.js"] {
            assert!(is_open(path), "{path}");
        }
        for path in ["", "//", "/videos", "/assets", "/healthz/", "/assets../videos"] {
            assert!(!is_open(path), "{path}");
        }
    }
}
