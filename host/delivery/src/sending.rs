//! One try at sending a message, from lease to settlement.
//!
//! The lease is kept for as long as this takes. What the result means for the message is `hookyard_model::apply`'s to
//! say; what can't be settled is left to its lease, which runs out, and is sent again under the same id.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hookyard_crash::Point;
use hookyard_model::{
    Answer, Clock, Delivery, DeliveryResult, Input, Timestamp, WorkState, apply, chain,
};
use hookyard_schemes::{SignError, UnsignedMessage};
use hookyard_store::{ClaimedMessage, Error, MessageLease, MessageSettlement, Outbox};
use hookyard_work::insist;
use tokio::time::{Instant, sleep};

use crate::gate::{Gates, Pass};
use crate::metering::record;
use crate::post::{Outgoing, Post, Unanswered};
use crate::verdict::judge;

/// What every try needs.
pub(super) struct Means {
    pub(super) outbox: Arc<dyn Outbox>,
    pub(super) post: Arc<dyn Post>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) jitter: Arc<dyn Fn() -> f64 + Send + Sync>,
    pub(super) lease: Duration,
    pub(super) gates: Gates,
}

/// A message under lease and the right to try.
pub(super) struct Sending {
    pub(super) message: ClaimedMessage,
    pub(super) pass: Pass,
}

impl Means {
    /// Tries once, and settles what it came to.
    pub(super) async fn deliver(&self, sending: Sending) {
        tokio::select! {
            () = self.send_and_settle(&sending) => {}
            never = self.keep(&sending.message.lease) => match never {},
        }
    }

    async fn send_and_settle(&self, sending: &Sending) {
        let delivery = self.send(sending).await;
        let is_down = self.is_down(sending, &delivery.result);
        let next = self.next_state(sending, &delivery.result, is_down);
        report(sending, &delivery, next);
        let disable = (delivery.result == DeliveryResult::Gone)
            .then(|| "the receiver answered 410 Gone".to_owned());
        let is_disabled = disable.is_some();
        let lease = sending.message.lease.clone();
        let settlement = MessageSettlement {
            lease,
            delivery,
            next,
            is_spared: is_down,
            disable,
        };
        let settled = insist(self.lease, || {
            self.outbox.settle_message(settlement.clone())
        })
        .await;
        report_settled(sending, is_disabled, settled);
    }

    async fn send(&self, sending: &Sending) -> Delivery {
        let (began, started_at) = (Instant::now(), self.clock.now());
        let (result, answer) = match self.given_up(sending).await {
            Some(result) => (result, None),
            None => self.post(&sending.message, &sending.pass, started_at).await,
        };
        Delivery {
            number: sending.message.lease.delivery,
            started_at,
            duration: began.elapsed(),
            result,
            answer,
        }
    }

    async fn post(
        &self,
        message: &ClaimedMessage,
        pass: &Pass,
        now: Timestamp,
    ) -> (DeliveryResult, Option<Answer>) {
        let (id, event_type) = (message.lease.id.to_string(), message.event_type.as_deref());
        let outgoing = UnsignedMessage {
            id: &id,
            body: &message.body,
            now,
            event_type,
        };
        let posted = match pass.destination.signer.sign(&outgoing) {
            Ok(headers) => {
                let outgoing = Outgoing {
                    destination: &pass.destination,
                    headers,
                    body: message.body.clone(),
                };
                Point::SendBefore.pass();
                let posted = self.post.post(outgoing).await;
                Point::SendAfter.pass();
                posted
            }
            // Time or the operator brings a key; until then there's no more than waiting.
            Err(error @ SignError::NothingLive { .. }) => Err(Unanswered::Failed(chain(&error))),
            Err(error) => Err(Unanswered::Unsendable(chain(&error))),
        };
        judge(posted, self.clock.now())
    }

    /// Takes note of the result, and says whether it's the destination that is down rather than the message that failed.
    fn is_down(&self, Sending { message, pass }: &Sending, result: &DeliveryResult) -> bool {
        self.gates.judge(
            &message.destination,
            pass,
            message.lease.id,
            result,
            (self.jitter)(),
        )
    }

    fn next_state(
        &self,
        Sending { message, pass }: &Sending,
        result: &DeliveryResult,
        is_down: bool,
    ) -> WorkState {
        let input = Input::Deliver {
            result,
            // What is down for a day uses up neither the tries of its messages nor the short ones of their delays.
            deliveries: message.lease.delivery.saturating_sub(message.spared),
            since: message.since,
            policy: &pass.destination.retry,
            is_spared: is_down,
            jitter: (self.jitter)(),
        };
        let leased = WorkState::Leased {
            until: message.until,
        };
        apply(leased, input, self.clock.now()).expect("a leased message takes any delivery")
    }

    /// Extends the lease again and again; never returns.
    async fn keep(&self, lease: &MessageLease) -> Infallible {
        loop {
            sleep(self.lease / 3).await;
            let until = self.clock.now().after(self.lease);
            if let Err(error) = self
                .outbox
                .extend_messages(std::slice::from_ref(lease), until)
                .await
            {
                tracing::warn!(message_id = %lease.id, error = chain(&error), "a lease was not extended");
            }
        }
    }
}

/// Tells the log and the metrics what a try came to. Neither the URL nor headers or body are told (invariant 10).
fn report(sending: &Sending, delivery: &Delivery, next: WorkState) {
    let ClaimedMessage {
        lease,
        destination,
        plugin,
        ..
    } = &sending.message;
    record(destination, delivery);
    // Two call sites, since a level is part of one.
    macro_rules! tell {
        ($level:ident) => {
            tracing::$level!(
                target: "hookyard::delivery",
                tenant = %destination.tenant,
                destination = %destination.name,
                plugin = %plugin.name,
                message_id = %lease.id,
                event = %sending.message.event,
                "type" = sending.message.event_type.as_deref(),
                attempt = delivery.number,
                result = delivery.result.name(),
                detail = detail(&delivery.result),
                state = next.name(),
                duration = ?delivery.duration,
                "try ended"
            )
        };
    }
    match delivery.result {
        DeliveryResult::Sent { .. } => tell!(info),
        _ => tell!(warn),
    }
}

fn detail(result: &DeliveryResult) -> Option<String> {
    (!matches!(result, DeliveryResult::Sent { .. })).then(|| result.to_string())
}

fn report_settled(sending: &Sending, is_disabled: bool, settled: Result<(), Error>) {
    let ClaimedMessage {
        lease, destination, ..
    } = &sending.message;
    match settled {
        Ok(()) if is_disabled => {
            let (tenant, name) = (&destination.tenant, &destination.name);
            tracing::warn!(
                target: "hookyard::delivery",
                %tenant, destination = %name,
                "destination disabled: the receiver answered 410 Gone; its messages are kept, and sent once you say `hookyard outbox enable {tenant}/{name}`"
            );
        }
        Ok(()) => {}
        Err(error) => {
            let (message_id, attempt) = (lease.id, lease.delivery);
            tracing::error!(%message_id, %destination, attempt, error = chain(&error), "a message was sent but could not be settled");
        }
    }
}
