//! Paged lists: the query parameters `limit` and `cursor`, which all lists share, and reading a
//! whole list.

use catalog::Cursor;
use futures::{Stream, TryStreamExt as _, stream};

use crate::{
    Error,
    problem::{FieldError, Problem},
};

const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 200;
/// Most parameters of one request; no list has as many, each at most once.
const PARAMETERS_MAX: usize = 16;

/// Every entry of a list; `page` reads the entries after a place and returns where to continue.
pub(crate) fn every<T, C, P>(page: impl Fn(Option<C>) -> P) -> impl Stream<Item = Result<T, Error>>
where
    P: Future<Output = Result<(Vec<T>, Option<C>), Error>>,
{
    let pages = stream::try_unfold(Some(None), move |place: Option<Option<C>>| {
        let reading = place.map(|after| Box::pin(page(after)));
        async move {
            let Some(reading) = reading else { return Ok(None) };
            let (entries, next) = reading.await?;
            Ok(Some((stream::iter(entries.into_iter().map(Ok)), next.map(Some))))
        }
    });
    pages.try_flatten()
}

/// The parameters of a request for a list.
#[derive(Debug)]
pub(crate) struct Asked<F> {
    /// The list's own parameters.
    pub(crate) filter: F,
    /// Most entries on the page.
    pub(crate) limit: u32,
    /// Where the page begins.
    pub(crate) cursor: Option<Cursor>,
}

impl<F: Default> Asked<F> {
    /// Reads parameters, each at most once, and names every fault. `own` are the names of the list's
    /// own ones, which `take` writes into the filter.
    pub(crate) fn read(
        given: &[(String, String)],
        own: &[&str],
        take: impl Fn(&mut F, &str, &str) -> Result<(), String>,
    ) -> Result<Self, Problem> {
        if given.len() > PARAMETERS_MAX {
            let reason = format!("there are more than {PARAMETERS_MAX} parameters");
            return Err(Problem::invalid(vec![FieldError::parameter("query", &reason)]));
        }
        let mut asked = Self { filter: F::default(), limit: LIMIT_DEFAULT, cursor: None };
        let mut faults = Vec::new();
        for (at, (name, value)) in given.iter().enumerate() {
            let taken = if given.iter().take(at).any(|(earlier, _)| earlier == name) {
                Err("is there twice".to_owned())
            } else if own.contains(&name.as_str()) {
                take(&mut asked.filter, name, value)
            } else {
                asked.turn(name, value, own)
            };
            faults.extend(taken.err().map(|reason| FieldError::parameter(name, &reason)));
        }
        if faults.is_empty() { Ok(asked) } else { Err(Problem::invalid(faults)) }
    }

    fn turn(&mut self, name: &str, value: &str, own: &[&str]) -> Result<(), String> {
        match name {
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                self.limit = limit.ok_or_else(|| format!("must be from 1 to {LIMIT_MAX}"))?;
            }
            "cursor" => {
                let cursor = value.parse::<Cursor>().map_err(|error| error.to_string())?;
                self.cursor = Some(cursor);
            }
            _ => {
                let known = [own, &["limit", "cursor"]].concat().join("`, `");
                return Err(format!("unknown parameter, expected one of `{known}`"));
            }
        }
        Ok(())
    }
}
