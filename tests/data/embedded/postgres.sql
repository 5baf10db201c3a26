CREATE TABLE workflow_runs (
    id character varying(26) NOT NULL,
    workflow_instance_id character varying(191) NOT NULL,
    run_number integer NOT NULL,
    workflow_class character varying(255) NOT NULL,
    workflow_type character varying(255) NOT NULL,
    namespace character varying(255),
    business_key character varying(191),
    visibility_labels json,
    status character varying(255) NOT NULL,
    closed_reason character varying(255),
    compatibility character varying(255),
    payload_codec character varying(255),
    arguments text,
    output text,
    output_payload_codec character varying(255),
    connection character varying(255),
    queue character varying(255),
    sticky_worker_id character varying(255),
    sticky_until timestamp(6) without time zone,
    last_history_sequence integer DEFAULT 0 NOT NULL,
    last_command_sequence integer DEFAULT 0 NOT NULL,
    message_cursor_position integer DEFAULT 0 NOT NULL,
    run_timeout_seconds integer,
    execution_deadline_at timestamp(6) without time zone,
    run_deadline_at timestamp(6) without time zone,
    started_at timestamp(6) without time zone,
    closed_at timestamp(6) without time zone,
    archived_at timestamp(6) without time zone,
    archive_command_id character varying(26),
    archive_reason character varying(255),
    last_progress_at timestamp(6) without time zone,
    created_at timestamp(6) without time zone,
    updated_at timestamp(6) without time zone,
    import_source character varying(64),
    import_id character varying(64),
    import_dedupe_key character varying(191),
    import_contract_version smallint,
    imported_at timestamp(6) without time zone,
    priority smallint DEFAULT '5'::smallint NOT NULL,
    fairness_key character varying(64),
    fairness_weight smallint DEFAULT '1'::smallint NOT NULL
);
ALTER TABLE ONLY workflow_runs ADD CONSTRAINT workflow_runs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY workflow_runs ADD CONSTRAINT workflow_runs_workflow_instance_id_run_number_unique UNIQUE (workflow_instance_id, run_number);
CREATE INDEX workflow_runs_archive_command_id_index ON workflow_runs USING btree (archive_command_id);
CREATE INDEX workflow_runs_archived_at_index ON workflow_runs USING btree (archived_at);
CREATE INDEX workflow_runs_business_key_index ON workflow_runs USING btree (business_key);
CREATE INDEX workflow_runs_import_dedupe_key_index ON workflow_runs USING btree (import_dedupe_key);
CREATE INDEX workflow_runs_import_id_index ON workflow_runs USING btree (import_id);
CREATE INDEX workflow_runs_import_source_index ON workflow_runs USING btree (import_source);
CREATE INDEX workflow_runs_imported_at_index ON workflow_runs USING btree (imported_at);
CREATE INDEX workflow_runs_namespace_index ON workflow_runs USING btree (namespace);
CREATE INDEX workflow_runs_sticky_until_index ON workflow_runs USING btree (sticky_until);
CREATE INDEX workflow_runs_sticky_worker_id_index ON workflow_runs USING btree (sticky_worker_id);
CREATE INDEX workflow_runs_workflow_instance_id_index ON workflow_runs USING btree (workflow_instance_id);

CREATE TABLE workflow_instances (
    id character varying(191) NOT NULL,
    workflow_class character varying(255) NOT NULL,
    workflow_type character varying(255) NOT NULL,
    namespace character varying(255),
    business_key character varying(191),
    visibility_labels json,
    memo json,
    execution_timeout_seconds integer,
    current_run_id character varying(26),
    run_count integer DEFAULT 0 NOT NULL,
    last_message_sequence integer DEFAULT 0 NOT NULL,
    reserved_at timestamp(6) without time zone,
    started_at timestamp(6) without time zone,
    created_at timestamp(6) without time zone,
    updated_at timestamp(6) without time zone
);
ALTER TABLE ONLY workflow_instances ADD CONSTRAINT workflow_instances_pkey PRIMARY KEY (id);
CREATE INDEX workflow_instances_business_key_index ON workflow_instances USING btree (business_key);
CREATE INDEX workflow_instances_current_run_id_index ON workflow_instances USING btree (current_run_id);
CREATE INDEX workflow_instances_namespace_index ON workflow_instances USING btree (namespace);

CREATE TABLE workflow_tasks (
    id character varying(26) NOT NULL,
    workflow_run_id character varying(26) NOT NULL,
    namespace character varying(255),
    task_type character varying(255) NOT NULL,
    status character varying(255) NOT NULL,
    compatibility character varying(255),
    payload json,
    connection character varying(255),
    queue character varying(255),
    sticky_worker_id character varying(255),
    sticky_until timestamp(6) without time zone,
    sticky_replay_mode character varying(255),
    sticky_claimed_at timestamp(6) without time zone,
    available_at timestamp(6) without time zone,
    leased_at timestamp(6) without time zone,
    lease_owner character varying(255),
    lease_expires_at timestamp(6) without time zone,
    attempt_count integer DEFAULT 0 NOT NULL,
    last_dispatch_attempt_at timestamp(6) without time zone,
    last_dispatched_at timestamp(6) without time zone,
    last_dispatch_error text,
    last_claim_failed_at timestamp(6) without time zone,
    last_claim_error text,
    repair_count integer DEFAULT 0 NOT NULL,
    repair_available_at timestamp(6) without time zone,
    last_error text,
    created_at timestamp(6) without time zone,
    updated_at timestamp(6) without time zone,
    priority smallint DEFAULT '5'::smallint NOT NULL,
    fairness_key character varying(64),
    fairness_weight smallint DEFAULT '1'::smallint NOT NULL
);
ALTER TABLE ONLY workflow_tasks ADD CONSTRAINT workflow_tasks_pkey PRIMARY KEY (id);
CREATE INDEX workflow_tasks_dispatch_order_index ON workflow_tasks USING btree (queue, status, priority, available_at);
CREATE INDEX workflow_tasks_fairness_class_index ON workflow_tasks USING btree (queue, status, fairness_key);
CREATE INDEX workflow_tasks_namespace_index ON workflow_tasks USING btree (namespace);
CREATE INDEX workflow_tasks_namespace_queue_status_idx ON workflow_tasks USING btree (namespace, queue, status);
CREATE INDEX workflow_tasks_status_available_at_index ON workflow_tasks USING btree (status, available_at);
CREATE INDEX workflow_tasks_sticky_claimed_at_index ON workflow_tasks USING btree (sticky_claimed_at);
CREATE INDEX workflow_tasks_sticky_replay_mode_index ON workflow_tasks USING btree (sticky_replay_mode);
CREATE INDEX workflow_tasks_sticky_until_index ON workflow_tasks USING btree (sticky_until);
CREATE INDEX workflow_tasks_sticky_worker_id_index ON workflow_tasks USING btree (sticky_worker_id);
CREATE INDEX workflow_tasks_workflow_run_id_index ON workflow_tasks USING btree (workflow_run_id);

CREATE TABLE activity_executions (
    id character varying(26) NOT NULL,
    workflow_run_id character varying(26) NOT NULL,
    sequence integer NOT NULL,
    activity_class character varying(255) NOT NULL,
    activity_type character varying(255) NOT NULL,
    status character varying(255) NOT NULL,
    payload_codec character varying(255),
    arguments text,
    result text,
    exception text,
    connection character varying(255),
    queue character varying(255),
    attempt_count integer DEFAULT 1 NOT NULL,
    current_attempt_id character varying(26),
    retry_policy json,
    parallel_group_path json,
    activity_options json,
    schedule_deadline_at timestamp(6) without time zone,
    close_deadline_at timestamp(6) without time zone,
    schedule_to_close_deadline_at timestamp(6) without time zone,
    heartbeat_deadline_at timestamp(6) without time zone,
    started_at timestamp(6) without time zone,
    closed_at timestamp(6) without time zone,
    last_heartbeat_at timestamp(6) without time zone,
    created_at timestamp(6) without time zone,
    updated_at timestamp(6) without time zone
);
ALTER TABLE ONLY activity_executions ADD CONSTRAINT activity_executions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY activity_executions ADD CONSTRAINT activity_executions_workflow_run_id_sequence_unique UNIQUE (workflow_run_id, sequence);
CREATE INDEX activity_executions_workflow_run_id_index ON activity_executions USING btree (workflow_run_id);

CREATE TABLE activity_attempts (
    id character varying(26) NOT NULL,
    workflow_run_id character varying(26) NOT NULL,
    activity_execution_id character varying(26) NOT NULL,
    workflow_task_id character varying(26),
    attempt_number integer NOT NULL,
    status character varying(255) NOT NULL,
    lease_owner character varying(255),
    started_at timestamp(6) without time zone NOT NULL,
    last_heartbeat_at timestamp(6) without time zone,
    lease_expires_at timestamp(6) without time zone,
    closed_at timestamp(6) without time zone,
    created_at timestamp(6) without time zone,
    updated_at timestamp(6) without time zone
);
ALTER TABLE ONLY activity_attempts ADD CONSTRAINT activity_attempts_activity_execution_id_attempt_number_unique UNIQUE (activity_execution_id, attempt_number);
ALTER TABLE ONLY activity_attempts ADD CONSTRAINT activity_attempts_pkey PRIMARY KEY (id);
CREATE INDEX activity_attempts_activity_execution_id_index ON activity_attempts USING btree (activity_execution_id);
CREATE INDEX activity_attempts_workflow_run_id_index ON activity_attempts USING btree (workflow_run_id);
CREATE INDEX activity_attempts_workflow_task_id_index ON activity_attempts USING btree (workflow_task_id);

CREATE TABLE workflow_run_timers (
    id character varying(26) NOT NULL,
    workflow_run_id character varying(26) NOT NULL,
    sequence integer NOT NULL,
    status character varying(255) NOT NULL,
    delay_seconds bigint NOT NULL,
    fire_at timestamp(6) without time zone NOT NULL,
    fired_at timestamp(6) without time zone,
    created_at timestamp(6) without time zone,
    updated_at timestamp(6) without time zone
);
ALTER TABLE ONLY workflow_run_timers ADD CONSTRAINT workflow_run_timers_pkey PRIMARY KEY (id);
ALTER TABLE ONLY workflow_run_timers ADD CONSTRAINT workflow_run_timers_workflow_run_id_sequence_unique UNIQUE (workflow_run_id, sequence);
CREATE INDEX workflow_run_timers_status_fire_at_index ON workflow_run_timers USING btree (status, fire_at);
CREATE INDEX workflow_run_timers_workflow_run_id_index ON workflow_run_timers USING btree (workflow_run_id);

CREATE TABLE workflow_links (
    id character varying(26) NOT NULL,
    link_type character varying(255) NOT NULL,
    sequence integer,
    parallel_group_path json,
    parent_workflow_instance_id character varying(191) NOT NULL,
    parent_workflow_run_id character varying(26) NOT NULL,
    child_workflow_instance_id character varying(191) NOT NULL,
    child_workflow_run_id character varying(26) NOT NULL,
    is_primary_parent boolean DEFAULT false NOT NULL,
    parent_close_policy character varying(255) DEFAULT 'abandon'::character varying NOT NULL,
    created_at timestamp(6) without time zone,
    updated_at timestamp(6) without time zone
);
ALTER TABLE ONLY workflow_links ADD CONSTRAINT workflow_links_parent_child_type_unique UNIQUE (parent_workflow_run_id, child_workflow_run_id, link_type);
ALTER TABLE ONLY workflow_links ADD CONSTRAINT workflow_links_pkey PRIMARY KEY (id);
CREATE INDEX workflow_links_child_workflow_instance_id_index ON workflow_links USING btree (child_workflow_instance_id);
CREATE INDEX workflow_links_child_workflow_run_id_index ON workflow_links USING btree (child_workflow_run_id);
CREATE INDEX workflow_links_parent_sequence_type_index ON workflow_links USING btree (parent_workflow_run_id, sequence, link_type);
CREATE INDEX workflow_links_parent_workflow_instance_id_index ON workflow_links USING btree (parent_workflow_instance_id);
CREATE INDEX workflow_links_parent_workflow_run_id_index ON workflow_links USING btree (parent_workflow_run_id);

CREATE TABLE workflow_search_attributes (
    id bigint NOT NULL,
    workflow_run_id character varying(26) NOT NULL,
    workflow_instance_id character varying(191) NOT NULL,
    key character varying(191) NOT NULL,
    type character varying(16) NOT NULL,
    value_string text,
    value_keyword character varying(255),
    value_int bigint,
    value_float double precision,
    value_bool boolean,
    value_datetime timestamp(6) without time zone,
    upserted_at_sequence integer NOT NULL,
    inherited_from_parent boolean DEFAULT false NOT NULL,
    created_at timestamp(6) without time zone,
    updated_at timestamp(6) without time zone,
    value_keyword_list json
);
ALTER TABLE ONLY workflow_search_attributes ADD CONSTRAINT workflow_search_attributes_pkey PRIMARY KEY (id);
ALTER TABLE ONLY workflow_search_attributes ADD CONSTRAINT workflow_search_attrs_run_key_unique UNIQUE (workflow_run_id, key);
CREATE INDEX workflow_search_attributes_value_bool_index ON workflow_search_attributes USING btree (value_bool);
CREATE INDEX workflow_search_attributes_value_datetime_index ON workflow_search_attributes USING btree (value_datetime);
CREATE INDEX workflow_search_attributes_value_float_index ON workflow_search_attributes USING btree (value_float);
CREATE INDEX workflow_search_attributes_value_int_index ON workflow_search_attributes USING btree (value_int);
CREATE INDEX workflow_search_attributes_value_keyword_index ON workflow_search_attributes USING btree (value_keyword);
CREATE INDEX workflow_search_attributes_workflow_instance_id_index ON workflow_search_attributes USING btree (workflow_instance_id);
CREATE INDEX workflow_search_attributes_workflow_run_id_index ON workflow_search_attributes USING btree (workflow_run_id);
CREATE INDEX workflow_search_attrs_instance_key_type ON workflow_search_attributes USING btree (workflow_instance_id, key, type);
CREATE INDEX workflow_search_attrs_key_bool ON workflow_search_attributes USING btree (key, value_bool);
CREATE INDEX workflow_search_attrs_key_datetime ON workflow_search_attributes USING btree (key, value_datetime);
CREATE INDEX workflow_search_attrs_key_float ON workflow_search_attributes USING btree (key, value_float);
CREATE INDEX workflow_search_attrs_key_int ON workflow_search_attributes USING btree (key, value_int);
CREATE INDEX workflow_search_attrs_key_keyword ON workflow_search_attributes USING btree (key, value_keyword);

CREATE TABLE workflow_memos (
    id bigint NOT NULL,
    workflow_run_id character varying(26) NOT NULL,
    workflow_instance_id character varying(191) NOT NULL,
    key character varying(191) NOT NULL,
    value json NOT NULL,
    upserted_at_sequence integer NOT NULL,
    inherited_from_parent boolean DEFAULT false NOT NULL,
    created_at timestamp(6) without time zone,
    updated_at timestamp(6) without time zone
);
ALTER TABLE ONLY workflow_memos ADD CONSTRAINT workflow_memos_pkey PRIMARY KEY (id);
ALTER TABLE ONLY workflow_memos ADD CONSTRAINT workflow_memos_run_key_unique UNIQUE (workflow_run_id, key);
CREATE INDEX workflow_memos_instance_key ON workflow_memos USING btree (workflow_instance_id, key);

CREATE TABLE workflow_updates (
    id character varying(26) NOT NULL,
    workflow_command_id character varying(26) NOT NULL,
    workflow_instance_id character varying(191),
    workflow_run_id character varying(26),
    target_scope character varying(255) DEFAULT 'instance'::character varying NOT NULL,
    requested_workflow_run_id character varying(26),
    resolved_workflow_run_id character varying(26),
    update_name character varying(255) NOT NULL,
    status character varying(255) NOT NULL,
    outcome character varying(255),
    command_sequence integer,
    workflow_sequence integer,
    payload_codec character varying(255),
    arguments text,
    result text,
    validation_errors json,
    rejection_reason character varying(255),
    failure_id character varying(26),
    failure_message text,
    accepted_at timestamp(6) without time zone,
    applied_at timestamp(6) without time zone,
    rejected_at timestamp(6) without time zone,
    closed_at timestamp(6) without time zone,
    created_at timestamp(6) without time zone,
    updated_at timestamp(6) without time zone
);
ALTER TABLE ONLY workflow_updates ADD CONSTRAINT workflow_updates_pkey PRIMARY KEY (id);
ALTER TABLE ONLY workflow_updates ADD CONSTRAINT workflow_updates_workflow_command_id_unique UNIQUE (workflow_command_id);
CREATE INDEX workflow_updates_command_sequence_index ON workflow_updates USING btree (command_sequence);
CREATE INDEX workflow_updates_failure_id_index ON workflow_updates USING btree (failure_id);
CREATE INDEX workflow_updates_outcome_index ON workflow_updates USING btree (outcome);
CREATE INDEX workflow_updates_requested_workflow_run_id_index ON workflow_updates USING btree (requested_workflow_run_id);
CREATE INDEX workflow_updates_resolved_workflow_run_id_index ON workflow_updates USING btree (resolved_workflow_run_id);
CREATE INDEX workflow_updates_status_index ON workflow_updates USING btree (status);
CREATE INDEX workflow_updates_update_name_index ON workflow_updates USING btree (update_name);
CREATE INDEX workflow_updates_workflow_instance_id_index ON workflow_updates USING btree (workflow_instance_id);
CREATE INDEX workflow_updates_workflow_run_id_index ON workflow_updates USING btree (workflow_run_id);
CREATE INDEX workflow_updates_workflow_sequence_index ON workflow_updates USING btree (workflow_sequence);

CREATE TABLE workflow_signal_records (
    id character varying(26) NOT NULL,
    workflow_command_id character varying(26) NOT NULL,
    workflow_instance_id character varying(191),
    workflow_run_id character varying(26),
    target_scope character varying(255) DEFAULT 'instance'::character varying NOT NULL,
    requested_workflow_run_id character varying(26),
    resolved_workflow_run_id character varying(26),
    signal_name character varying(255) NOT NULL,
    signal_wait_id character varying(255),
    status character varying(255) NOT NULL,
    outcome character varying(255),
    command_sequence integer,
    workflow_sequence integer,
    payload_codec character varying(255),
    arguments text,
    validation_errors json,
    rejection_reason character varying(255),
    received_at timestamp(6) without time zone,
    applied_at timestamp(6) without time zone,
    rejected_at timestamp(6) without time zone,
    closed_at timestamp(6) without time zone,
    created_at timestamp(6) without time zone,
    updated_at timestamp(6) without time zone
);
ALTER TABLE ONLY workflow_signal_records ADD CONSTRAINT workflow_signal_records_pkey PRIMARY KEY (id);
ALTER TABLE ONLY workflow_signal_records ADD CONSTRAINT workflow_signal_records_workflow_command_id_unique UNIQUE (workflow_command_id);
CREATE INDEX workflow_signal_records_command_sequence_index ON workflow_signal_records USING btree (command_sequence);
CREATE INDEX workflow_signal_records_outcome_index ON workflow_signal_records USING btree (outcome);
CREATE INDEX workflow_signal_records_requested_workflow_run_id_index ON workflow_signal_records USING btree (requested_workflow_run_id);
CREATE INDEX workflow_signal_records_resolved_workflow_run_id_index ON workflow_signal_records USING btree (resolved_workflow_run_id);
CREATE INDEX workflow_signal_records_signal_name_index ON workflow_signal_records USING btree (signal_name);
CREATE INDEX workflow_signal_records_signal_wait_id_index ON workflow_signal_records USING btree (signal_wait_id);
CREATE INDEX workflow_signal_records_status_index ON workflow_signal_records USING btree (status);
CREATE INDEX workflow_signal_records_workflow_instance_id_index ON workflow_signal_records USING btree (workflow_instance_id);
CREATE INDEX workflow_signal_records_workflow_run_id_index ON workflow_signal_records USING btree (workflow_run_id);
CREATE INDEX workflow_signal_records_workflow_sequence_index ON workflow_signal_records USING btree (workflow_sequence);

CREATE TABLE workflow_history_events (
    id character varying(26) NOT NULL,
    workflow_run_id character varying(26) NOT NULL,
    sequence integer NOT NULL,
    event_type character varying(255) NOT NULL,
    payload json,
    workflow_task_id character varying(26),
    workflow_command_id character varying(26),
    recorded_at timestamp(6) without time zone,
    created_at timestamp(6) without time zone,
    updated_at timestamp(6) without time zone
);
ALTER TABLE ONLY workflow_history_events ADD CONSTRAINT workflow_history_events_pkey PRIMARY KEY (id);
ALTER TABLE ONLY workflow_history_events ADD CONSTRAINT workflow_history_events_workflow_run_id_sequence_unique UNIQUE (workflow_run_id, sequence);
CREATE INDEX workflow_history_events_workflow_command_id_index ON workflow_history_events USING btree (workflow_command_id);
CREATE INDEX workflow_history_events_workflow_run_id_index ON workflow_history_events USING btree (workflow_run_id);
CREATE INDEX workflow_history_events_workflow_task_id_index ON workflow_history_events USING btree (workflow_task_id);

CREATE TABLE workflow_run_summaries (
    id character varying(26) NOT NULL,
    workflow_instance_id character varying(191) NOT NULL,
    run_number integer NOT NULL,
    is_current_run boolean DEFAULT false NOT NULL,
    engine_source character varying(255) DEFAULT 'v2'::character varying NOT NULL,
    projection_schema_version smallint,
    class character varying(255) NOT NULL,
    workflow_type character varying(255) NOT NULL,
    namespace character varying(255),
    compatibility character varying(255),
    declared_entry_mode character varying(255),
    declared_contract_source character varying(255),
    business_key character varying(191),
    visibility_labels json,
    status character varying(255) NOT NULL,
    status_bucket character varying(255) NOT NULL,
    closed_reason character varying(255),
    connection character varying(255),
    queue character varying(255),
    started_at timestamp(6) without time zone,
    sort_timestamp timestamp(6) without time zone,
    sort_key character varying(64),
    closed_at timestamp(6) without time zone,
    archived_at timestamp(6) without time zone,
    archive_command_id character varying(26),
    archive_reason character varying(255),
    duration_ms bigint,
    wait_kind character varying(255),
    wait_reason text,
    wait_started_at timestamp(6) without time zone,
    wait_deadline_at timestamp(6) without time zone,
    open_wait_id character varying(191),
    resume_source_kind character varying(255),
    resume_source_id character varying(191),
    next_task_at timestamp(6) without time zone,
    liveness_state character varying(255),
    liveness_reason text,
    repair_blocked_reason character varying(255),
    repair_attention boolean DEFAULT false NOT NULL,
    task_problem boolean DEFAULT false NOT NULL,
    next_task_id character varying(26),
    next_task_type character varying(255),
    next_task_status character varying(255),
    next_task_lease_expires_at timestamp(6) without time zone,
    exception_count integer DEFAULT 0 NOT NULL,
    history_event_count integer DEFAULT 0 NOT NULL,
    history_size_bytes bigint DEFAULT '0'::bigint NOT NULL,
    continue_as_new_recommended boolean DEFAULT false NOT NULL,
    created_at timestamp(6) without time zone,
    updated_at timestamp(6) without time zone,
    history_fan_out integer DEFAULT 0 NOT NULL,
    history_budget_pressure character varying(32) DEFAULT 'ok'::character varying NOT NULL
);
ALTER TABLE ONLY workflow_run_summaries ADD CONSTRAINT workflow_run_summaries_pkey PRIMARY KEY (id);
CREATE INDEX wfrs_decl_contract_source_idx ON workflow_run_summaries USING btree (declared_contract_source);
CREATE INDEX wfrs_decl_entry_mode_idx ON workflow_run_summaries USING btree (declared_entry_mode);
CREATE INDEX wfrs_namespace_sort_idx ON workflow_run_summaries USING btree (namespace, sort_timestamp, id);
CREATE INDEX wfrs_namespace_status_sort_idx ON workflow_run_summaries USING btree (namespace, status_bucket, sort_timestamp, id);
CREATE INDEX wfrs_namespace_type_sort_idx ON workflow_run_summaries USING btree (namespace, workflow_type, sort_timestamp, id);
CREATE INDEX workflow_run_summaries_archive_command_id_index ON workflow_run_summaries USING btree (archive_command_id);
CREATE INDEX workflow_run_summaries_archived_at_index ON workflow_run_summaries USING btree (archived_at);
CREATE INDEX workflow_run_summaries_business_key_index ON workflow_run_summaries USING btree (business_key);
CREATE INDEX workflow_run_summaries_continue_as_new_recommended_index ON workflow_run_summaries USING btree (continue_as_new_recommended);
CREATE INDEX workflow_run_summaries_history_budget_pressure_index ON workflow_run_summaries USING btree (history_budget_pressure);
CREATE INDEX workflow_run_summaries_is_current_run_index ON workflow_run_summaries USING btree (is_current_run);
CREATE INDEX workflow_run_summaries_namespace_index ON workflow_run_summaries USING btree (namespace);
CREATE INDEX workflow_run_summaries_projection_schema_version_index ON workflow_run_summaries USING btree (projection_schema_version);
CREATE INDEX workflow_run_summaries_repair_attention_index ON workflow_run_summaries USING btree (repair_attention);
CREATE INDEX workflow_run_summaries_repair_blocked_reason_index ON workflow_run_summaries USING btree (repair_blocked_reason);
CREATE INDEX workflow_run_summaries_sort_key_index ON workflow_run_summaries USING btree (sort_key);
CREATE INDEX workflow_run_summaries_sort_order_index ON workflow_run_summaries USING btree (sort_timestamp, id);
CREATE INDEX workflow_run_summaries_status_bucket_index ON workflow_run_summaries USING btree (status_bucket);
CREATE INDEX workflow_run_summaries_status_bucket_started_at_index ON workflow_run_summaries USING btree (status_bucket, started_at);
CREATE INDEX workflow_run_summaries_status_index ON workflow_run_summaries USING btree (status);
CREATE INDEX workflow_run_summaries_workflow_instance_id_index ON workflow_run_summaries USING btree (workflow_instance_id);

CREATE TABLE workflow_schedules (
    id character varying(26) NOT NULL,
    schedule_id character varying(255) NOT NULL,
    namespace character varying(255),
    spec json,
    action json,
    status character varying(16) DEFAULT 'active'::character varying NOT NULL,
    overlap_policy character varying(32) DEFAULT 'skip'::character varying NOT NULL,
    note text,
    memo json,
    search_attributes json,
    visibility_labels json,
    jitter_seconds integer DEFAULT 0 NOT NULL,
    max_runs bigint,
    remaining_actions bigint,
    fires_count bigint DEFAULT '0'::bigint NOT NULL,
    failures_count bigint DEFAULT '0'::bigint NOT NULL,
    recent_actions json,
    buffered_actions json,
    last_fired_at timestamp(6) without time zone,
    next_fire_at timestamp(6) without time zone,
    latest_workflow_instance_id character varying(191),
    connection character varying(255),
    queue character varying(255),
    paused_at timestamp(6) without time zone,
    deleted_at timestamp(6) without time zone,
    last_skip_reason character varying(64),
    last_skipped_at timestamp(6) without time zone,
    skipped_trigger_count bigint DEFAULT '0'::bigint NOT NULL,
    created_at timestamp(6) without time zone,
    updated_at timestamp(6) without time zone
);
ALTER TABLE ONLY workflow_schedules ADD CONSTRAINT workflow_schedules_namespace_schedule_id_unique UNIQUE (namespace, schedule_id);
ALTER TABLE ONLY workflow_schedules ADD CONSTRAINT workflow_schedules_pkey PRIMARY KEY (id);
CREATE INDEX workflow_schedules_latest_workflow_instance_id_index ON workflow_schedules USING btree (latest_workflow_instance_id);
CREATE INDEX workflow_schedules_namespace_index ON workflow_schedules USING btree (namespace);
CREATE INDEX workflow_schedules_status_next_fire_at_index ON workflow_schedules USING btree (status, next_fire_at);

CREATE TABLE workflow_child_calls (
    id bigint NOT NULL,
    parent_workflow_run_id character varying(26) NOT NULL,
    parent_workflow_instance_id character varying(191) NOT NULL,
    sequence integer NOT NULL,
    child_workflow_type character varying(191) NOT NULL,
    child_workflow_class character varying(255) NOT NULL,
    requested_child_id character varying(191),
    resolved_child_instance_id character varying(191),
    resolved_child_run_id character varying(26),
    parent_close_policy character varying(32) DEFAULT 'abandon'::character varying NOT NULL,
    connection character varying(191),
    queue character varying(191),
    compatibility character varying(191),
    retry_policy json,
    timeout_policy json,
    cancellation_propagation boolean DEFAULT false NOT NULL,
    status character varying(32) DEFAULT 'scheduled'::character varying NOT NULL,
    result_payload_reference character varying(191),
    failure_reference character varying(191),
    closed_reason character varying(64),
    scheduled_at timestamp(6) without time zone NOT NULL,
    started_at timestamp(6) without time zone,
    closed_at timestamp(6) without time zone,
    arguments json,
    metadata json,
    created_at timestamp(6) without time zone,
    updated_at timestamp(6) without time zone
);
ALTER TABLE ONLY workflow_child_calls ADD CONSTRAINT workflow_child_calls_pkey PRIMARY KEY (id);
CREATE INDEX child_calls_child_parent ON workflow_child_calls USING btree (resolved_child_instance_id, parent_workflow_run_id);
CREATE INDEX child_calls_parent_seq ON workflow_child_calls USING btree (parent_workflow_run_id, sequence);
CREATE INDEX child_calls_parent_status ON workflow_child_calls USING btree (parent_workflow_run_id, status);
CREATE INDEX workflow_child_calls_parent_workflow_instance_id_index ON workflow_child_calls USING btree (parent_workflow_instance_id);
CREATE INDEX workflow_child_calls_parent_workflow_run_id_index ON workflow_child_calls USING btree (parent_workflow_run_id);
CREATE INDEX workflow_child_calls_resolved_child_instance_id_index ON workflow_child_calls USING btree (resolved_child_instance_id);
CREATE INDEX workflow_child_calls_resolved_child_run_id_index ON workflow_child_calls USING btree (resolved_child_run_id);
CREATE INDEX workflow_child_calls_sequence_index ON workflow_child_calls USING btree (sequence);
CREATE INDEX workflow_child_calls_status_index ON workflow_child_calls USING btree (status);

CREATE TABLE workflow_commands (
    id character varying(26) NOT NULL,
    workflow_instance_id character varying(191),
    workflow_run_id character varying(26),
    requested_workflow_run_id character varying(26),
    resolved_workflow_run_id character varying(26),
    command_type character varying(255) NOT NULL,
    target_scope character varying(255) DEFAULT 'instance'::character varying NOT NULL,
    source character varying(255) DEFAULT 'php'::character varying NOT NULL,
    context json,
    request_id character varying(191),
    status character varying(255) NOT NULL,
    outcome character varying(255),
    workflow_class character varying(255),
    workflow_type character varying(255),
    payload_codec character varying(255),
    payload text,
    rejection_reason character varying(255),
    command_sequence integer,
    message_sequence integer,
    accepted_at timestamp(6) without time zone,
    applied_at timestamp(6) without time zone,
    rejected_at timestamp(6) without time zone,
    created_at timestamp(6) without time zone,
    updated_at timestamp(6) without time zone
);
ALTER TABLE ONLY workflow_commands ADD CONSTRAINT workflow_commands_pkey PRIMARY KEY (id);
ALTER TABLE ONLY workflow_commands ADD CONSTRAINT workflow_commands_request_lookup UNIQUE (workflow_instance_id, command_type, request_id);
CREATE INDEX workflow_commands_command_sequence_index ON workflow_commands USING btree (command_sequence);
CREATE INDEX workflow_commands_command_type_index ON workflow_commands USING btree (command_type);
CREATE INDEX workflow_commands_requested_workflow_run_id_index ON workflow_commands USING btree (requested_workflow_run_id);
CREATE INDEX workflow_commands_resolved_workflow_run_id_index ON workflow_commands USING btree (resolved_workflow_run_id);
CREATE INDEX workflow_commands_source_index ON workflow_commands USING btree (source);
CREATE INDEX workflow_commands_status_index ON workflow_commands USING btree (status);
CREATE INDEX workflow_commands_workflow_instance_id_index ON workflow_commands USING btree (workflow_instance_id);
CREATE INDEX workflow_commands_workflow_run_id_index ON workflow_commands USING btree (workflow_run_id);

CREATE TABLE workflow_failures (
    id character varying(26) NOT NULL,
    workflow_run_id character varying(26) NOT NULL,
    source_kind character varying(255) NOT NULL,
    source_id character varying(255) NOT NULL,
    propagation_kind character varying(255) NOT NULL,
    failure_category character varying(255),
    non_retryable boolean DEFAULT false NOT NULL,
    handled boolean DEFAULT false NOT NULL,
    exception_class character varying(255) NOT NULL,
    message text NOT NULL,
    file text NOT NULL,
    line integer,
    trace_preview text,
    created_at timestamp(6) without time zone,
    updated_at timestamp(6) without time zone
);
ALTER TABLE ONLY workflow_failures ADD CONSTRAINT workflow_failures_pkey PRIMARY KEY (id);
CREATE INDEX workflow_failures_failure_category_index ON workflow_failures USING btree (failure_category);
CREATE INDEX workflow_failures_source_kind_source_id_index ON workflow_failures USING btree (source_kind, source_id);
CREATE INDEX workflow_failures_workflow_run_id_index ON workflow_failures USING btree (workflow_run_id);

CREATE TABLE workflow_messages (
    id bigint NOT NULL,
    workflow_instance_id character varying(191) NOT NULL,
    workflow_run_id character varying(26),
    direction character varying(16) NOT NULL,
    channel character varying(64) NOT NULL,
    stream_key character varying(191) NOT NULL,
    sequence bigint NOT NULL,
    source_workflow_instance_id character varying(191),
    source_workflow_run_id character varying(26),
    target_workflow_instance_id character varying(191),
    target_workflow_run_id character varying(26),
    correlation_id character varying(191),
    idempotency_key character varying(191),
    payload_reference character varying(191),
    consume_state character varying(16) DEFAULT 'pending'::character varying NOT NULL,
    consumed_at timestamp(6) without time zone,
    consumed_by_sequence integer,
    expires_at timestamp(6) without time zone,
    delivery_attempt_count integer DEFAULT 0 NOT NULL,
    last_delivery_attempt_at timestamp(6) without time zone,
    last_delivery_error text,
    metadata json,
    created_at timestamp(6) without time zone,
    updated_at timestamp(6) without time zone
);
ALTER TABLE ONLY workflow_messages ADD CONSTRAINT wf_msgs_stream_seq_unique UNIQUE (workflow_instance_id, stream_key, sequence);
ALTER TABLE ONLY workflow_messages ADD CONSTRAINT workflow_messages_pkey PRIMARY KEY (id);
CREATE INDEX wf_msgs_instance_stream_seq ON workflow_messages USING btree (workflow_instance_id, stream_key, sequence);
CREATE INDEX wf_msgs_run_dir_state ON workflow_messages USING btree (workflow_run_id, direction, consume_state);
CREATE INDEX wf_msgs_stream_seq_state ON workflow_messages USING btree (stream_key, sequence, consume_state);
CREATE INDEX wf_msgs_target_state ON workflow_messages USING btree (target_workflow_instance_id, consume_state);
CREATE INDEX workflow_messages_channel_index ON workflow_messages USING btree (channel);
CREATE INDEX workflow_messages_consume_state_index ON workflow_messages USING btree (consume_state);
CREATE INDEX workflow_messages_correlation_id_index ON workflow_messages USING btree (correlation_id);
CREATE INDEX workflow_messages_direction_index ON workflow_messages USING btree (direction);
CREATE INDEX workflow_messages_idempotency_key_index ON workflow_messages USING btree (idempotency_key);
CREATE INDEX workflow_messages_sequence_index ON workflow_messages USING btree (sequence);
CREATE INDEX workflow_messages_source_workflow_instance_id_index ON workflow_messages USING btree (source_workflow_instance_id);
CREATE INDEX workflow_messages_stream_key_index ON workflow_messages USING btree (stream_key);
CREATE INDEX workflow_messages_target_workflow_instance_id_index ON workflow_messages USING btree (target_workflow_instance_id);
CREATE INDEX workflow_messages_workflow_instance_id_index ON workflow_messages USING btree (workflow_instance_id);
CREATE INDEX workflow_messages_workflow_run_id_index ON workflow_messages USING btree (workflow_run_id);

CREATE TABLE workflow_run_waits (
    id character varying(64) NOT NULL,
    workflow_run_id character varying(26) NOT NULL,
    workflow_instance_id character varying(191) NOT NULL,
    wait_id character varying(191) NOT NULL,
    "position" integer NOT NULL,
    kind character varying(255) NOT NULL,
    sequence integer,
    status character varying(255) NOT NULL,
    source_status character varying(255),
    summary text,
    opened_at timestamp(6) without time zone,
    deadline_at timestamp(6) without time zone,
    resolved_at timestamp(6) without time zone,
    target_name character varying(191),
    target_type character varying(191),
    task_backed boolean DEFAULT false NOT NULL,
    external_only boolean DEFAULT false NOT NULL,
    resume_source_kind character varying(191),
    resume_source_id character varying(191),
    task_id character varying(26),
    task_type character varying(255),
    task_status character varying(255),
    command_id character varying(26),
    command_sequence integer,
    command_status character varying(255),
    command_outcome character varying(255),
    history_authority character varying(255),
    history_unsupported_reason character varying(255),
    payload json,
    created_at timestamp(6) without time zone,
    updated_at timestamp(6) without time zone
);
ALTER TABLE ONLY workflow_run_waits ADD CONSTRAINT workflow_run_waits_pkey PRIMARY KEY (id);
ALTER TABLE ONLY workflow_run_waits ADD CONSTRAINT workflow_run_waits_run_wait_unique UNIQUE (workflow_run_id, wait_id);
CREATE INDEX workflow_run_waits_command_id_index ON workflow_run_waits USING btree (command_id);
CREATE INDEX workflow_run_waits_history_authority_index ON workflow_run_waits USING btree (history_authority);
CREATE INDEX workflow_run_waits_instance_kind_status_index ON workflow_run_waits USING btree (workflow_instance_id, kind, status);
CREATE INDEX workflow_run_waits_kind_index ON workflow_run_waits USING btree (kind);
CREATE INDEX workflow_run_waits_resume_source_id_index ON workflow_run_waits USING btree (resume_source_id);
CREATE INDEX workflow_run_waits_resume_source_kind_index ON workflow_run_waits USING btree (resume_source_kind);
CREATE INDEX workflow_run_waits_run_status_position_index ON workflow_run_waits USING btree (workflow_run_id, status, "position");
CREATE INDEX workflow_run_waits_sequence_index ON workflow_run_waits USING btree (sequence);
CREATE INDEX workflow_run_waits_source_status_index ON workflow_run_waits USING btree (source_status);
CREATE INDEX workflow_run_waits_status_index ON workflow_run_waits USING btree (status);
CREATE INDEX workflow_run_waits_target_name_index ON workflow_run_waits USING btree (target_name);
CREATE INDEX workflow_run_waits_task_backed_index ON workflow_run_waits USING btree (task_backed);
CREATE INDEX workflow_run_waits_task_id_index ON workflow_run_waits USING btree (task_id);
CREATE INDEX workflow_run_waits_workflow_instance_id_index ON workflow_run_waits USING btree (workflow_instance_id);
CREATE INDEX workflow_run_waits_workflow_run_id_index ON workflow_run_waits USING btree (workflow_run_id);

CREATE TABLE workflow_worker_compatibility_heartbeats (
    id bigint NOT NULL,
    worker_id character varying(255) NOT NULL,
    scope_key character varying(64) NOT NULL,
    namespace character varying(255),
    host character varying(255),
    process_id character varying(255),
    connection character varying(255),
    queue character varying(255),
    supported json NOT NULL,
    recorded_at timestamp(6) without time zone NOT NULL,
    expires_at timestamp(6) without time zone NOT NULL,
    created_at timestamp(6) without time zone,
    updated_at timestamp(6) without time zone
);
ALTER TABLE ONLY workflow_worker_compatibility_heartbeats ADD CONSTRAINT workflow_worker_compatibility_heartbeats_pkey PRIMARY KEY (id);
ALTER TABLE ONLY workflow_worker_compatibility_heartbeats ADD CONSTRAINT workflow_worker_compatibility_heartbeats_scope_unique UNIQUE (worker_id, scope_key);
CREATE INDEX workflow_worker_compatibility_heartbeats_connection_index ON workflow_worker_compatibility_heartbeats USING btree (connection);
CREATE INDEX workflow_worker_compatibility_heartbeats_expires_at_index ON workflow_worker_compatibility_heartbeats USING btree (expires_at);
CREATE INDEX workflow_worker_compatibility_heartbeats_namespace_index ON workflow_worker_compatibility_heartbeats USING btree (namespace);
CREATE INDEX workflow_worker_compatibility_heartbeats_queue_index ON workflow_worker_compatibility_heartbeats USING btree (queue);

CREATE TABLE workflows (
    id bigint NOT NULL,
    class text NOT NULL,
    arguments text,
    output text,
    status character varying(255) DEFAULT 'pending'::character varying NOT NULL,
    created_at timestamp(6) without time zone,
    updated_at timestamp(6) without time zone
);
ALTER TABLE ONLY workflows ADD CONSTRAINT workflows_pkey PRIMARY KEY (id);
CREATE INDEX workflows_status_index ON workflows USING btree (status);

CREATE TABLE migrations (
    id integer NOT NULL,
    migration character varying(255) NOT NULL,
    batch integer NOT NULL
);
ALTER TABLE ONLY migrations ADD CONSTRAINT migrations_pkey PRIMARY KEY (id);
