//! The fields of a log line: those that it was logged with, and the id of the request.

use std::io::{Error as IoError, Result as IoResult, Write};

use channelstream_actors::request::RequestId;
use env_logger::fmt::Formatter;
use log::kv::{Error, Key, Source, Value, VisitSource};

/// The name of the field that holds the id of the request.
const REQUEST: &str = "request";

/// The fields of a line, followed by the id of the request in whose scope the line is logged.
pub(super) struct WithRequest<'a> {
    fields: &'a dyn Source,
    request: Option<RequestId>,
}

impl<'a> WithRequest<'a> {
    /// Adds the id of the request in whose scope the caller runs.
    pub(super) fn current(fields: &'a dyn Source) -> Self {
        Self {
            fields,
            request: RequestId::current(),
        }
    }
}

impl Source for WithRequest<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), Error> {
        self.fields.visit(visitor)?;
        match &self.request {
            Some(request) => visitor.visit_pair(REQUEST.into(), request.as_str().into()),
            None => Ok(()),
        }
    }
}

/// Writes fields for people, as ` key=value`. Texts are quoted and their unprintable characters are
/// escaped, since strangers choose some of them.
pub(super) fn write_text(formatter: &mut Formatter, fields: &dyn Source) -> IoResult<()> {
    fields
        .visit(&mut TextWriter(formatter))
        .map_err(IoError::other)
}

struct TextWriter<'a>(&'a mut Formatter);

impl<'kvs> VisitSource<'kvs> for TextWriter<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        match value.to_borrowed_str() {
            Some(text) => write!(self.0, " {key}={text:?}"),
            None => write!(self.0, " {key}={value}"),
        }
        .map_err(Error::from)
    }
}
