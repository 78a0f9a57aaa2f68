//! The sender: takes a message from its lease to its settlement.
//!
//! The lease is extended for as long as this takes. [`hookyard_model::apply`] decides what the
//! result means for the message. If the settlement fails, the lease runs out and the message is
//! sent again with the same id.

use std::slice;
use std::sync::Arc;
use std::time::Duration;

use hookyard_crash::Point;
use hookyard_model::{
    Answer, Clock, Delivery, DeliveryResult, Input, Next, Timestamp, WorkState, apply, chain,
};
use hookyard_schemes::{SignError, UnsignedMessage};
use hookyard_store::{ClaimedMessage, Error, Gatherer, MessageSettlement, Outbox};
use hookyard_work::{hold_lease, insist};
use tokio::time::Instant;

use crate::Config;
use crate::gate::{Gates, Pass};
use crate::metering::record;
use crate::post::{Post, PostError, PostRequest};
use crate::result::result_of;
use crate::spans::DeliveryTrace;

/// Sends messages. All deliveries of a deliverer share one sender.
pub(crate) struct Sender {
    pub(crate) outbox: Arc<dyn Outbox>,
    post: Arc<dyn Post>,
    pub(crate) clock: Arc<dyn Clock>,
    jitter: Arc<dyn Fn() -> f64 + Send + Sync>,
    pub(crate) lease: Duration,
    pub(crate) gates: Gates,
    gatherer: Arc<Gatherer>,
}

/// A message under lease, and the permission to send it.
pub(crate) struct SendTask {
    pub(crate) message: ClaimedMessage,
    pub(crate) pass: Pass,
}

impl Sender {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            outbox: config.outbox,
            post: config.post,
            clock: config.clock,
            jitter: config.jitter,
            lease: config.lease,
            gates: Gates::default(),
            gatherer: config.gatherer,
        }
    }

    /// Delivers a message once and settles the result.
    pub(crate) async fn deliver(&self, task: SendTask) {
        let lease = &task.message.lease;
        let extend = || async move {
            let leases = slice::from_ref(lease);
            if let Err(error) = self.outbox.extend_messages(leases, self.lease).await {
                tracing::warn!(message_id = %lease.id, error = chain(&error), "a lease was not extended");
            }
        };

        hold_lease(self.lease, extend, self.send_and_settle(&task)).await;
    }

    async fn send_and_settle(&self, task: &SendTask) {
        let SendTask { message, pass } = task;
        let trace = DeliveryTrace::begin(message);
        let delivery = self.send(task, trace).await;
        if let Some(trace) = trace {
            trace.record(message, &delivery);
        }

        let result = &delivery.result;
        let is_spared = self.gates.record(message, pass, result, (self.jitter)());
        let next = self.next_state(task, result, is_spared);
        log_end(message, &delivery, next);
        self.gatherer
            .delivery(&message.destination, result.name(), delivery.duration);

        let is_gone = *result == DeliveryResult::Gone;
        let settlement = MessageSettlement {
            lease: message.lease.clone(),
            delivery,
            next,
            is_spared,
            disable: is_gone.then(|| "the receiver answered 410 Gone".to_owned()),
        };
        let settled = insist(self.lease, || {
            self.outbox.settle_message(settlement.clone())
        })
        .await;
        log_settled(message, is_gone, settled);
    }

    async fn send(&self, task: &SendTask, trace: Option<DeliveryTrace>) -> Delivery {
        let (begun, started_at) = (Instant::now(), self.clock.now());
        let (result, answer) = match self.give_up_after_losses(task).await {
            Some(result) => (result, None),
            None => self.post(task, trace, started_at).await,
        };

        Delivery {
            number: task.message.lease.delivery,
            started_at,
            duration: begun.elapsed(),
            result,
            answer,
        }
    }

    async fn post(
        &self,
        task: &SendTask,
        trace: Option<DeliveryTrace>,
        now: Timestamp,
    ) -> (DeliveryResult, Option<Answer>) {
        let SendTask { message, pass } = task;
        let signed = pass.destination.signer.sign(&UnsignedMessage {
            id: &message.lease.id.to_string(),
            body: &message.body,
            now,
            event_type: message.event_type.as_deref(),
        });

        let posted = match signed {
            Ok(mut headers) => {
                headers.extend(trace.map(|trace| trace.header()));
                let request = PostRequest {
                    destination: &pass.destination,
                    headers,
                    body: message.body.clone(),
                };
                Point::SendBefore.pass();
                let posted = self.post.post(request).await;
                Point::SendAfter.pass();
                posted
            }
            // A key becomes live with time or by a reload, so a retry can help.
            Err(error @ SignError::NothingLive { .. }) => Err(PostError::Failed(chain(&error))),
            Err(error) => Err(PostError::Unsendable(chain(&error))),
        };
        result_of(posted, self.clock.now())
    }

    fn next_state(&self, task: &SendTask, result: &DeliveryResult, is_spared: bool) -> Next {
        let SendTask { message, pass } = task;
        let input = Input::Deliver {
            result,
            // Spared deliveries do not count for the delay either: after a long outage, the short
            // delays come first.
            deliveries: message.lease.delivery.saturating_sub(message.spared),
            since: message.since,
            policy: &pass.destination.retry,
            is_spared,
            jitter: (self.jitter)(),
        };

        let now = self.clock.now();
        apply(WorkState::Leased { until: now }, input, now)
            .ok()
            .and_then(|state| Next::of(state, now))
            .expect("a leased message takes any delivery")
    }
}

/// Logs and measures a delivery that has ended. Neither the URL nor headers or bodies are logged
/// (invariant 10).
fn log_end(message: &ClaimedMessage, delivery: &Delivery, next: Next) {
    let ClaimedMessage {
        lease,
        destination,
        plugin,
        ..
    } = message;
    record(destination, delivery);

    // `tracing` needs the level at compile time, so each level has a call of its own.
    macro_rules! log {
        ($level:ident) => {
            tracing::$level!(
                target: "hookyard::delivery",
                tenant = %destination.tenant,
                destination = %destination.name,
                plugin = %plugin.name,
                message_id = %lease.id,
                event = %message.event,
                "type" = message.event_type.as_deref(),
                delivery = delivery.number,
                result = delivery.result.name(),
                detail = detail(&delivery.result),
                state = next.name(),
                duration = ?delivery.duration,
                "delivery ended"
            )
        };
    }

    match delivery.result {
        DeliveryResult::Sent { .. } => log!(info),
        _ => log!(warn),
    }
}

fn detail(result: &DeliveryResult) -> Option<String> {
    (!matches!(result, DeliveryResult::Sent { .. })).then(|| result.to_string())
}

fn log_settled(message: &ClaimedMessage, is_gone: bool, settled: Result<(), Error>) {
    let ClaimedMessage {
        lease, destination, ..
    } = message;

    match settled {
        Ok(()) if is_gone => {
            let (tenant, name) = (&destination.tenant, &destination.name);
            tracing::warn!(
                target: "hookyard::delivery",
                %tenant, destination = %name,
                "destination disabled: the receiver answered 410 Gone; its messages are kept until you run `hookyard outbox enable {tenant}/{name}`"
            );
        }
        Ok(()) => {}
        Err(error) => tracing::error!(
            message_id = %lease.id, %destination, delivery = lease.delivery, error = chain(&error),
            "a message was sent but could not be settled"
        ),
    }
}
