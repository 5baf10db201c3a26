-- The tables of the rehearsal server: names, columns and unique constraints are the reference's, with the
-- indexes that this server's questions need. A time is UTC text `YYYY-MM-DD HH:MM:SS.ffffff`; a JSON column holds
-- the text that PHP writes.

CREATE TABLE IF NOT EXISTS workflow_instances (
    id varchar not null, workflow_class varchar not null, workflow_type varchar not null, namespace varchar,
    business_key varchar, visibility_labels text, memo text, execution_timeout_seconds integer,
    current_run_id varchar, run_count integer not null default 0, last_message_sequence integer not null default 0,
    reserved_at datetime, started_at datetime, created_at datetime, updated_at datetime, primary key (id)
);

CREATE TABLE IF NOT EXISTS workflow_runs (
    id varchar not null, workflow_instance_id varchar not null, run_number integer not null,
    workflow_class varchar not null, workflow_type varchar not null, namespace varchar, business_key varchar,
    visibility_labels text, status varchar not null, closed_reason varchar, compatibility varchar,
    payload_codec varchar, arguments text, output text, output_payload_codec varchar, connection varchar,
    queue varchar, sticky_worker_id varchar, sticky_until datetime,
    last_history_sequence integer not null default 0, last_command_sequence integer not null default 0,
    message_cursor_position integer not null default 0, run_timeout_seconds integer, execution_deadline_at datetime,
    run_deadline_at datetime, started_at datetime, closed_at datetime, archived_at datetime,
    archive_command_id varchar, archive_reason varchar, last_progress_at datetime, created_at datetime,
    updated_at datetime, import_source varchar, import_id varchar, import_dedupe_key varchar,
    import_contract_version integer, imported_at datetime, priority integer not null default 5,
    fairness_key varchar, fairness_weight integer not null default 1, primary key (id)
);
CREATE UNIQUE INDEX IF NOT EXISTS workflow_runs_workflow_instance_id_run_number_unique
    ON workflow_runs (workflow_instance_id, run_number);
CREATE INDEX IF NOT EXISTS workflow_runs_namespace_closed_at_index
    ON workflow_runs (namespace, closed_at);
CREATE INDEX IF NOT EXISTS workflow_runs_deadline_idx
    ON workflow_runs (min(coalesce(run_deadline_at, '9'), coalesce(execution_deadline_at, '9')))
    WHERE run_deadline_at IS NOT NULL OR execution_deadline_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS workflow_history_events (
    id varchar not null, workflow_run_id varchar not null, sequence integer not null, event_type varchar not null,
    payload text, workflow_task_id varchar, workflow_command_id varchar, recorded_at datetime, created_at datetime,
    updated_at datetime, primary key (id)
);
CREATE UNIQUE INDEX IF NOT EXISTS workflow_history_events_workflow_run_id_sequence_unique
    ON workflow_history_events (workflow_run_id, sequence);

CREATE TABLE IF NOT EXISTS workflow_commands (
    id varchar not null, workflow_instance_id varchar, workflow_run_id varchar, requested_workflow_run_id varchar,
    resolved_workflow_run_id varchar, command_type varchar not null,
    target_scope varchar not null default 'instance', source varchar not null default 'php', context text,
    request_id varchar, status varchar not null, outcome varchar, workflow_class varchar, workflow_type varchar,
    payload_codec varchar, payload text, rejection_reason varchar, command_sequence integer,
    message_sequence integer, accepted_at datetime, applied_at datetime, rejected_at datetime, created_at datetime,
    updated_at datetime, primary key (id)
);
CREATE UNIQUE INDEX IF NOT EXISTS workflow_commands_request_lookup
    ON workflow_commands (workflow_instance_id, command_type, request_id);
CREATE INDEX IF NOT EXISTS workflow_commands_workflow_run_id_index
    ON workflow_commands (workflow_run_id);

CREATE TABLE IF NOT EXISTS workflow_signal_records (
    id varchar not null, workflow_command_id varchar not null, workflow_instance_id varchar,
    workflow_run_id varchar, target_scope varchar not null default 'instance', requested_workflow_run_id varchar,
    resolved_workflow_run_id varchar, signal_name varchar not null, signal_wait_id varchar, status varchar not null,
    outcome varchar, command_sequence integer, workflow_sequence integer, payload_codec varchar, arguments text,
    validation_errors text, rejection_reason varchar, received_at datetime, applied_at datetime,
    rejected_at datetime, closed_at datetime, created_at datetime, updated_at datetime, primary key (id)
);
CREATE UNIQUE INDEX IF NOT EXISTS workflow_signal_records_workflow_command_id_unique
    ON workflow_signal_records (workflow_command_id);
CREATE INDEX IF NOT EXISTS workflow_signal_records_workflow_run_id_index
    ON workflow_signal_records (workflow_run_id);

CREATE TABLE IF NOT EXISTS workflow_updates (
    id varchar not null, workflow_command_id varchar not null, workflow_instance_id varchar,
    workflow_run_id varchar, target_scope varchar not null default 'instance', requested_workflow_run_id varchar,
    resolved_workflow_run_id varchar, update_name varchar not null, status varchar not null, outcome varchar,
    command_sequence integer, workflow_sequence integer, payload_codec varchar, arguments text, result text,
    validation_errors text, rejection_reason varchar, failure_id varchar, failure_message text,
    accepted_at datetime, applied_at datetime, rejected_at datetime, closed_at datetime, created_at datetime,
    updated_at datetime, primary key (id)
);
CREATE UNIQUE INDEX IF NOT EXISTS workflow_updates_workflow_command_id_unique
    ON workflow_updates (workflow_command_id);
CREATE INDEX IF NOT EXISTS workflow_updates_workflow_run_id_index
    ON workflow_updates (workflow_run_id);

CREATE TABLE IF NOT EXISTS workflow_tasks (
    id varchar not null, workflow_run_id varchar not null, namespace varchar, task_type varchar not null,
    status varchar not null, compatibility varchar, payload text, connection varchar, queue varchar,
    sticky_worker_id varchar, sticky_until datetime, sticky_replay_mode varchar, sticky_claimed_at datetime,
    available_at datetime, leased_at datetime, lease_owner varchar, lease_expires_at datetime,
    attempt_count integer not null default 0, last_dispatch_attempt_at datetime, last_dispatched_at datetime,
    last_dispatch_error text, last_claim_failed_at datetime, last_claim_error text,
    repair_count integer not null default 0, repair_available_at datetime, last_error text, created_at datetime,
    updated_at datetime, priority integer not null default 5, fairness_key varchar,
    fairness_weight integer not null default 1, primary key (id)
);
CREATE INDEX IF NOT EXISTS workflow_tasks_workflow_run_id_index
    ON workflow_tasks (workflow_run_id);
CREATE INDEX IF NOT EXISTS workflow_tasks_claim_order_idx
    ON workflow_tasks (namespace, queue, status, task_type, priority, available_at, id);
CREATE INDEX IF NOT EXISTS workflow_tasks_status_available_at_index
    ON workflow_tasks (status, available_at);

CREATE TABLE IF NOT EXISTS activity_executions (
    id varchar not null, workflow_run_id varchar not null, sequence integer not null,
    activity_class varchar not null, activity_type varchar not null, status varchar not null, payload_codec varchar,
    arguments text, result text, exception text, connection varchar, queue varchar,
    attempt_count integer not null default 1, current_attempt_id varchar, retry_policy text,
    parallel_group_path text, activity_options text, schedule_deadline_at datetime, close_deadline_at datetime,
    schedule_to_close_deadline_at datetime, heartbeat_deadline_at datetime, started_at datetime, closed_at datetime,
    last_heartbeat_at datetime, created_at datetime, updated_at datetime, primary key (id)
);
CREATE UNIQUE INDEX IF NOT EXISTS activity_executions_workflow_run_id_sequence_unique
    ON activity_executions (workflow_run_id, sequence);
CREATE INDEX IF NOT EXISTS activity_executions_deadline_idx
    ON activity_executions (min(coalesce(schedule_deadline_at, '9'), coalesce(close_deadline_at, '9'),
    coalesce(schedule_to_close_deadline_at, '9'), coalesce(heartbeat_deadline_at, '9')))
    WHERE status IN ('pending', 'running');

CREATE TABLE IF NOT EXISTS activity_attempts (
    id varchar not null, workflow_run_id varchar not null, activity_execution_id varchar not null,
    workflow_task_id varchar, attempt_number integer not null, status varchar not null, lease_owner varchar,
    started_at datetime not null, last_heartbeat_at datetime, lease_expires_at datetime, closed_at datetime,
    created_at datetime, updated_at datetime, primary key (id)
);
CREATE UNIQUE INDEX IF NOT EXISTS activity_attempts_activity_execution_id_attempt_number_unique
    ON activity_attempts (activity_execution_id, attempt_number);
CREATE INDEX IF NOT EXISTS activity_attempts_workflow_run_id_index
    ON activity_attempts (workflow_run_id);

CREATE TABLE IF NOT EXISTS workflow_run_timers (
    id varchar not null, workflow_run_id varchar not null, sequence integer not null, status varchar not null,
    delay_seconds integer not null, fire_at datetime not null, fired_at datetime, created_at datetime,
    updated_at datetime, primary key (id)
);
CREATE UNIQUE INDEX IF NOT EXISTS workflow_run_timers_workflow_run_id_sequence_unique
    ON workflow_run_timers (workflow_run_id, sequence);
CREATE INDEX IF NOT EXISTS workflow_run_timers_status_fire_at_index
    ON workflow_run_timers (status, fire_at);

CREATE TABLE IF NOT EXISTS workflow_failures (
    id varchar not null, workflow_run_id varchar not null, source_kind varchar not null, source_id varchar not null,
    propagation_kind varchar not null, failure_category varchar, non_retryable tinyint(1) not null default 0,
    handled tinyint(1) not null default 0, exception_class varchar not null, message text not null,
    file text not null, line integer, trace_preview text, created_at datetime, updated_at datetime, primary key (id)
);
CREATE INDEX IF NOT EXISTS workflow_failures_workflow_run_id_index
    ON workflow_failures (workflow_run_id);

CREATE TABLE IF NOT EXISTS workflow_links (
    id varchar not null, link_type varchar not null, sequence integer, parallel_group_path text,
    parent_workflow_instance_id varchar not null, parent_workflow_run_id varchar not null,
    child_workflow_instance_id varchar not null, child_workflow_run_id varchar not null,
    is_primary_parent tinyint(1) not null default 0, parent_close_policy varchar not null default 'abandon',
    created_at datetime, updated_at datetime, primary key (id)
);
CREATE UNIQUE INDEX IF NOT EXISTS workflow_links_parent_child_type_unique
    ON workflow_links (parent_workflow_run_id, child_workflow_run_id, link_type);
CREATE INDEX IF NOT EXISTS workflow_links_child_workflow_run_id_index
    ON workflow_links (child_workflow_run_id);

CREATE TABLE IF NOT EXISTS workflow_memos (
    id integer primary key autoincrement not null, workflow_run_id varchar not null,
    workflow_instance_id varchar not null, "key" varchar not null, value text not null,
    upserted_at_sequence integer not null, inherited_from_parent tinyint(1) not null default 0, created_at datetime,
    updated_at datetime, foreign key(workflow_run_id) references workflow_runs(id) on delete cascade
);
CREATE UNIQUE INDEX IF NOT EXISTS workflow_memos_run_key_unique
    ON workflow_memos (workflow_run_id, "key");

CREATE TABLE IF NOT EXISTS workflow_search_attributes (
    id integer primary key autoincrement not null, workflow_run_id varchar not null,
    workflow_instance_id varchar not null, "key" varchar not null, type varchar not null, value_string text,
    value_keyword varchar, value_int integer, value_float double, value_bool tinyint(1), value_datetime datetime,
    upserted_at_sequence integer not null, inherited_from_parent tinyint(1) not null default 0, created_at datetime,
    updated_at datetime, value_keyword_list text,
    foreign key(workflow_run_id) references workflow_runs(id) on delete cascade
);
CREATE UNIQUE INDEX IF NOT EXISTS workflow_search_attrs_run_key_unique
    ON workflow_search_attributes (workflow_run_id, "key");

CREATE TABLE IF NOT EXISTS workflow_messages (
    id integer primary key autoincrement not null, workflow_instance_id varchar not null, workflow_run_id varchar,
    direction varchar not null, channel varchar not null, stream_key varchar not null, sequence integer not null,
    source_workflow_instance_id varchar, source_workflow_run_id varchar, target_workflow_instance_id varchar,
    target_workflow_run_id varchar, correlation_id varchar, idempotency_key varchar, payload_reference varchar,
    consume_state varchar not null default 'pending', consumed_at datetime, consumed_by_sequence integer,
    expires_at datetime, delivery_attempt_count integer not null default 0, last_delivery_attempt_at datetime,
    last_delivery_error text, metadata text, created_at datetime, updated_at datetime,
    foreign key(workflow_run_id) references workflow_runs(id) on delete cascade
);
CREATE UNIQUE INDEX IF NOT EXISTS wf_msgs_stream_seq_unique
    ON workflow_messages (workflow_instance_id, stream_key, sequence);

CREATE TABLE IF NOT EXISTS workflow_child_calls (
    id integer primary key autoincrement not null, parent_workflow_run_id varchar not null,
    parent_workflow_instance_id varchar not null, sequence integer not null, child_workflow_type varchar not null,
    child_workflow_class varchar not null, requested_child_id varchar, resolved_child_instance_id varchar,
    resolved_child_run_id varchar, parent_close_policy varchar not null default 'abandon', connection varchar,
    queue varchar, compatibility varchar, retry_policy text, timeout_policy text,
    cancellation_propagation tinyint(1) not null default 0, status varchar not null default 'scheduled',
    result_payload_reference varchar, failure_reference varchar, closed_reason varchar,
    scheduled_at datetime not null, started_at datetime, closed_at datetime, arguments text, metadata text,
    created_at datetime, updated_at datetime,
    foreign key(parent_workflow_run_id) references workflow_runs(id) on delete cascade
);
CREATE INDEX IF NOT EXISTS child_calls_parent_seq
    ON workflow_child_calls (parent_workflow_run_id, sequence);

CREATE TABLE IF NOT EXISTS workflow_run_summaries (
    id varchar not null, workflow_instance_id varchar not null, run_number integer not null,
    is_current_run tinyint(1) not null default 0, engine_source varchar not null default 'v2',
    projection_schema_version integer, class varchar not null, workflow_type varchar not null, namespace varchar,
    compatibility varchar, declared_entry_mode varchar, declared_contract_source varchar, business_key varchar,
    visibility_labels text, status varchar not null, status_bucket varchar not null, closed_reason varchar,
    connection varchar, queue varchar, started_at datetime, sort_timestamp datetime, sort_key varchar,
    closed_at datetime, archived_at datetime, archive_command_id varchar, archive_reason varchar,
    duration_ms integer, wait_kind varchar, wait_reason text, wait_started_at datetime, wait_deadline_at datetime,
    open_wait_id varchar, resume_source_kind varchar, resume_source_id varchar, next_task_at datetime,
    liveness_state varchar, liveness_reason text, repair_blocked_reason varchar,
    repair_attention tinyint(1) not null default 0, task_problem tinyint(1) not null default 0,
    next_task_id varchar, next_task_type varchar, next_task_status varchar, next_task_lease_expires_at datetime,
    exception_count integer not null default 0, history_event_count integer not null default 0,
    history_size_bytes integer not null default 0, continue_as_new_recommended tinyint(1) not null default 0,
    created_at datetime, updated_at datetime, history_fan_out integer not null default 0,
    history_budget_pressure varchar not null default 'ok', primary key (id)
);
CREATE INDEX IF NOT EXISTS workflow_run_summaries_workflow_instance_id_index
    ON workflow_run_summaries (workflow_instance_id);
CREATE INDEX IF NOT EXISTS wfrs_namespace_sort_idx
    ON workflow_run_summaries (namespace, sort_timestamp, id);
CREATE INDEX IF NOT EXISTS wfrs_namespace_type_sort_idx
    ON workflow_run_summaries (namespace, workflow_type, sort_timestamp, id);
CREATE INDEX IF NOT EXISTS wfrs_namespace_status_sort_idx
    ON workflow_run_summaries (namespace, status_bucket, sort_timestamp, id);

CREATE TABLE IF NOT EXISTS workflow_run_waits (
    id varchar not null, workflow_run_id varchar not null, workflow_instance_id varchar not null,
    wait_id varchar not null, position integer not null, kind varchar not null, sequence integer,
    status varchar not null, source_status varchar, summary text, opened_at datetime, deadline_at datetime,
    resolved_at datetime, target_name varchar, target_type varchar, task_backed tinyint(1) not null default 0,
    external_only tinyint(1) not null default 0, resume_source_kind varchar, resume_source_id varchar,
    task_id varchar, task_type varchar, task_status varchar, command_id varchar, command_sequence integer,
    command_status varchar, command_outcome varchar, history_authority varchar, history_unsupported_reason varchar,
    payload text, created_at datetime, updated_at datetime, primary key (id)
);
CREATE UNIQUE INDEX IF NOT EXISTS workflow_run_waits_run_wait_unique
    ON workflow_run_waits (workflow_run_id, wait_id);

CREATE TABLE IF NOT EXISTS workflow_run_timer_entries (
    id varchar not null, workflow_run_id varchar not null, workflow_instance_id varchar not null,
    timer_id varchar not null, schema_version integer not null default 1, position integer not null,
    sequence integer, status varchar not null, source_status varchar, delay_seconds integer, fire_at datetime,
    fired_at datetime, cancelled_at datetime, timer_kind varchar, condition_wait_id varchar, condition_key varchar,
    condition_definition_fingerprint varchar, history_authority varchar, history_unsupported_reason varchar,
    payload text, created_at datetime, updated_at datetime, primary key (id)
);
CREATE UNIQUE INDEX IF NOT EXISTS workflow_run_timer_entries_run_timer_unique
    ON workflow_run_timer_entries (workflow_run_id, timer_id);

CREATE TABLE IF NOT EXISTS workflow_run_timeline_entries (
    id varchar not null, workflow_run_id varchar not null, workflow_instance_id varchar not null,
    history_event_id varchar not null, sequence integer not null, type varchar not null, kind varchar not null,
    entry_kind varchar not null default 'point', source_kind varchar, source_id varchar, summary text,
    recorded_at datetime, command_id varchar, command_sequence integer, task_id varchar,
    activity_execution_id varchar, timer_id varchar, failure_id varchar, payload text, created_at datetime,
    updated_at datetime, primary key (id)
);
CREATE UNIQUE INDEX IF NOT EXISTS workflow_run_timeline_run_event_unique
    ON workflow_run_timeline_entries (workflow_run_id, history_event_id);

CREATE TABLE IF NOT EXISTS workflow_run_lineage_entries (
    id varchar not null, workflow_run_id varchar not null, workflow_instance_id varchar not null,
    direction varchar not null, lineage_id varchar not null, position integer not null, link_type varchar not null,
    child_call_id varchar, sequence integer, is_primary_parent tinyint(1) not null default 0,
    related_workflow_instance_id varchar, related_workflow_run_id varchar, related_run_number integer,
    related_workflow_type varchar, related_workflow_class varchar, status varchar, status_bucket varchar,
    closed_reason varchar, linked_at datetime, payload text, created_at datetime, updated_at datetime,
    primary key (id)
);
CREATE UNIQUE INDEX IF NOT EXISTS workflow_run_lineage_run_direction_lineage_unique
    ON workflow_run_lineage_entries (workflow_run_id, direction, lineage_id);

-- What only the server has: namespaces, workers, and the build ids that an operator drains.

CREATE TABLE IF NOT EXISTS workflow_namespaces (
    name varchar not null, description varchar, retention_days integer not null default 30,
    status varchar not null default 'active', external_payload_storage text, created_at datetime, updated_at datetime,
    primary key (name)
);

CREATE TABLE IF NOT EXISTS workflow_worker_registrations (
    id integer primary key autoincrement not null, worker_id varchar not null, namespace varchar not null,
    task_queue varchar not null, runtime varchar not null, sdk_version varchar, build_id varchar,
    supported_workflow_types text, workflow_definition_fingerprints text, supported_activity_types text,
    max_concurrent_workflow_tasks integer not null default 100,
    max_concurrent_activity_tasks integer not null default 100,
    status varchar not null default 'active', last_heartbeat_at datetime, created_at datetime, updated_at datetime
);
CREATE UNIQUE INDEX IF NOT EXISTS workflow_worker_registrations_worker_id_namespace_unique
    ON workflow_worker_registrations (worker_id, namespace);
CREATE INDEX IF NOT EXISTS workflow_worker_registrations_namespace_task_queue_index
    ON workflow_worker_registrations (namespace, task_queue);

CREATE TABLE IF NOT EXISTS workflow_worker_build_id_rollouts (
    id integer primary key autoincrement not null, namespace varchar not null, task_queue varchar not null,
    build_id varchar not null default '', drain_intent varchar not null default 'active', drained_at datetime,
    created_at datetime, updated_at datetime
);
CREATE UNIQUE INDEX IF NOT EXISTS workflow_worker_build_id_rollouts_namespace_queue_build_unique
    ON workflow_worker_build_id_rollouts (namespace, task_queue, build_id);
