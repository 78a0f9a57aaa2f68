//! The response that an attempt gives to the request of its event.

use hookyard_model::{Limit, Response};
use http::{HeaderName, HeaderValue};

use super::buffer::{Buffer, ENTRY_BYTES, Refusal};
use crate::text::shown_name;

/// The statuses that a response may have: those of RFC 9110 that end a request.
const STATUSES: std::ops::RangeInclusive<u16> = 200..=599;
/// The statuses whose answers have no body (RFC 9110, 6.4.1).
const STATUSES_WITHOUT_BODY: [u16; 3] = [204, 205, 304];
/// The maximum number of headers of a response.
const HEADERS_MAX: usize = 32;
/// The maximum size of all headers of a response, in bytes.
const HEADER_BYTES_MAX: usize = 8 << 10;
/// The headers that belong to the connection (RFC 9110, 7.6.1) or that the host sets itself.
const RESERVED: [&str; 10] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The reason for which a response is refused.
#[derive(Debug)]
pub(crate) enum ResponseRefusal {
    /// No request waits for a response of this plugin.
    NotAsked,
    /// The attempt has responded.
    Already,
    /// The response exceeds a limit; one line says which.
    TooMuch(String),
    /// The response is none that HTTP allows; one line says why.
    Invalid(String),
    /// The host failed, or the attempt must end.
    End(wasmtime::Error),
}

impl From<Refusal> for ResponseRefusal {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Guest(reason) => Self::TooMuch(reason),
            Refusal::End(error) => Self::End(error),
        }
    }
}

impl Buffer {
    /// Says whether the attempt may respond. Initially, it may not.
    pub(crate) fn let_respond(&mut self, may_respond: bool) {
        self.may_respond = may_respond;
    }

    /// Sets the response of the attempt.
    ///
    /// # Errors
    ///
    /// Refuses a response that nobody asked for, a second response, one that exceeds a limit, and
    /// one that HTTP does not allow.
    pub(crate) fn respond(&mut self, mut response: Response) -> Result<(), ResponseRefusal> {
        if !self.may_respond {
            return Err(ResponseRefusal::NotAsked);
        }
        if self.response.is_some() {
            return Err(ResponseRefusal::Already);
        }

        check_status(&response).map_err(ResponseRefusal::Invalid)?;
        let header_bytes = self.check_sizes(&response)?;
        for header in &mut response.headers {
            header.name = checked_name(&header.name).map_err(ResponseRefusal::Invalid)?;
            if HeaderValue::from_bytes(&header.value).is_err() {
                let reason = format!("the value of the header {} is not allowed", header.name);
                return Err(ResponseRefusal::Invalid(reason));
            }
        }

        let bytes = header_bytes + response.body.len();
        self.budget.count_bytes(bytes).map_err(Refusal::from)?;
        self.hold(ENTRY_BYTES * (1 + response.headers.len() as u64) + bytes as u64)?;
        self.response = Some(response);
        Ok(())
    }

    /// Checks the limits on a response. Returns the size of its headers.
    fn check_sizes(&mut self, response: &Response) -> Result<usize, ResponseRefusal> {
        let bytes_max = self.limits.response_bytes_max;
        if response.body.len() > bytes_max {
            let reason = format!("the body of a response may have {bytes_max} bytes");
            let refusal = self.refuse(Limit::ResponseBytes, bytes_max as u64, reason);
            return Err(refusal.into());
        }

        if response.headers.len() > HEADERS_MAX {
            let reason = format!("a response may have {HEADERS_MAX} headers");
            return Err(ResponseRefusal::TooMuch(reason));
        }
        let headers = response.headers.iter();
        let bytes = headers.map(|header| header.name.len() + header.value.len());
        let bytes = bytes.sum();
        if bytes > HEADER_BYTES_MAX {
            let reason = format!("the headers of a response may have {HEADER_BYTES_MAX} bytes");
            return Err(ResponseRefusal::TooMuch(reason));
        }
        Ok(bytes)
    }
}

fn check_status(response: &Response) -> Result<(), String> {
    let status = response.status;
    if !STATUSES.contains(&status) {
        return Err(format!(
            "{status} is not a status of a response; use one from 200 to 599"
        ));
    }
    if STATUSES_WITHOUT_BODY.contains(&status) && !response.body.is_empty() {
        return Err(format!(
            "a response with the status {status} has no body; leave the body out, or use 200"
        ));
    }
    Ok(())
}

/// Returns the name of a header in lower case.
fn checked_name(name: &str) -> Result<String, String> {
    let checked = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| format!("`{}` is not the name of a header", shown_name(name)))?;
    if RESERVED.contains(&checked.as_str()) {
        return Err(format!("the header {checked} is set by the host alone"));
    }
    Ok(checked.as_str().to_owned())
}
