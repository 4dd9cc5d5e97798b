//! The operator's token, for what concerns the whole service, such as `/metrics`.

use std::{fmt, str::FromStr, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
};
use ring::digest::{SHA256, digest};

use crate::{
    auth::shown,
    problem::{Kind, Problem},
};

/// Fewest characters of a token; 16 random ones cannot be guessed.
const CHARS_MIN: usize = 16;
/// What only the operator may read.
const FOR_OPERATORS: [&str; 1] = ["/metrics"];

/// The operator's token; only its digest is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct OperatorToken(Vec<u8>);

/// A token that is too easy to guess.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token has at least {CHARS_MIN} characters, none of them white space")]
pub struct WeakToken;

impl fmt::Debug for OperatorToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorToken(..)")
    }
}

impl FromStr for OperatorToken {
    type Err = WeakToken;

    fn from_str(text: &str) -> Result<Self, WeakToken> {
        if text.chars().count() < CHARS_MIN || text.contains(char::is_whitespace) {
            return Err(WeakToken);
        }
        Ok(Self(digest_of(text)))
    }
}

impl OperatorToken {
    /// Whether a text is the token. Digests are compared, so the time it takes reveals nothing.
    pub(crate) fn is(&self, text: &str) -> bool {
        digest_of(text) == self.0
    }
}

fn digest_of(text: &str) -> Vec<u8> {
    digest(&SHA256, text.as_bytes()).as_ref().to_vec()
}

/// True for a path that no tenant may read.
pub(crate) fn is_for_operators(path: &str) -> bool {
    FOR_OPERATORS.contains(&path)
}

/// The refusal for everyone else.
pub(crate) fn refusal() -> Problem {
    let detail = "this tells of every tenant: show the operator's token (--metrics-token), or a key of \
                  the tenant `default`, as `Authorization: Bearer …`";
    Problem::new(Kind::OperatorsOnly, detail)
}

/// Guards `router` by the token. Without a token it is open to everyone.
pub fn for_operators(router: Router, token: Option<OperatorToken>) -> Router {
    match token {
        Some(token) => router.layer(from_fn_with_state(Arc::new(token), guard)),
        None => router,
    }
}

async fn guard(State(token): State<Arc<OperatorToken>>, request: Request, next: Next) -> Response {
    if shown(request.headers()).is_some_and(|text| token.is(text)) {
        return next.run(request).await;
    }
    refusal().into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_and_shown_to_nobody() {
        for weak in ["", "short", "fifteen-letters", "has a space in its middle"] {
            assert_eq!(weak.parse::<OperatorToken>(), Err(WeakToken), "{weak}");
        }
        let token: OperatorToken = "0123456789abcdef".parse().unwrap();
        assert!(token.is("0123456789abcdef") && !token.is("0123456789abcdeg"));
        assert_eq!(format!("{token:?}"), "OperatorToken(..)");
    }
}
