-- Each column that a list shows sorts its pages by an index, empty values last.
CREATE INDEX crm_company_sector_sort_idx
    ON crm_company ((coalesce(sector, '')), id);
CREATE INDEX crm_company_city_sort_idx
    ON crm_company ((coalesce(city, '')), id);
CREATE INDEX crm_company_revenue_sort_idx
    ON crm_company ((coalesce(revenue, 'Infinity'::numeric)), id);
CREATE INDEX crm_company_created_at_sort_idx
    ON crm_company ((coalesce(created_at, '9999-12-31 00:00+00'::timestamptz)), id);
CREATE INDEX crm_company_updated_at_sort_idx
    ON crm_company ((coalesce(updated_at, '9999-12-31 00:00+00'::timestamptz)), id);
CREATE INDEX crm_person_job_title_sort_idx
    ON crm_person ((coalesce(job_title, '')), id);
CREATE INDEX crm_person_created_at_sort_idx
    ON crm_person ((coalesce(created_at, '9999-12-31 00:00+00'::timestamptz)), id);
CREATE INDEX crm_person_updated_at_sort_idx
    ON crm_person ((coalesce(updated_at, '9999-12-31 00:00+00'::timestamptz)), id);
CREATE INDEX crm_lead_company_name_sort_idx
    ON crm_lead ((coalesce(company_name, '')), id);
CREATE INDEX crm_lead_state_sort_idx
    ON crm_lead ((coalesce(state, '')), id);
CREATE INDEX crm_lead_source_sort_idx
    ON crm_lead ((coalesce(source, '')), id);
CREATE INDEX crm_lead_created_at_sort_idx
    ON crm_lead ((coalesce(created_at, '9999-12-31 00:00+00'::timestamptz)), id);
CREATE INDEX crm_lead_updated_at_sort_idx
    ON crm_lead ((coalesce(updated_at, '9999-12-31 00:00+00'::timestamptz)), id);
CREATE INDEX crm_opportunity_stage_sort_idx
    ON crm_opportunity ((coalesce(stage, '')), id);
CREATE INDEX crm_opportunity_amount_sort_idx
    ON crm_opportunity ((coalesce(amount, 'Infinity'::numeric)), id);
CREATE INDEX crm_opportunity_close_date_sort_idx
    ON crm_opportunity ((coalesce(close_date, '9999-12-31'::date)), id);
CREATE INDEX crm_opportunity_created_at_sort_idx
    ON crm_opportunity ((coalesce(created_at, '9999-12-31 00:00+00'::timestamptz)), id);
CREATE INDEX crm_opportunity_updated_at_sort_idx
    ON crm_opportunity ((coalesce(updated_at, '9999-12-31 00:00+00'::timestamptz)), id);
CREATE INDEX crm_activity_kind_sort_idx
    ON crm_activity ((coalesce(kind, '')), id);
CREATE INDEX crm_activity_due_at_sort_idx
    ON crm_activity ((coalesce(due_at, '9999-12-31 00:00+00'::timestamptz)), id);
CREATE INDEX crm_activity_done_at_sort_idx
    ON crm_activity ((coalesce(done_at, '9999-12-31 00:00+00'::timestamptz)), id);
CREATE INDEX crm_activity_created_at_sort_idx
    ON crm_activity ((coalesce(created_at, '9999-12-31 00:00+00'::timestamptz)), id);
CREATE INDEX crm_activity_updated_at_sort_idx
    ON crm_activity ((coalesce(updated_at, '9999-12-31 00:00+00'::timestamptz)), id);

-- backwards
DROP INDEX crm_company_sector_sort_idx,
    crm_company_city_sort_idx,
    crm_company_revenue_sort_idx,
    crm_company_created_at_sort_idx,
    crm_company_updated_at_sort_idx,
    crm_person_job_title_sort_idx,
    crm_person_created_at_sort_idx,
    crm_person_updated_at_sort_idx,
    crm_lead_company_name_sort_idx,
    crm_lead_state_sort_idx,
    crm_lead_source_sort_idx,
    crm_lead_created_at_sort_idx,
    crm_lead_updated_at_sort_idx,
    crm_opportunity_stage_sort_idx,
    crm_opportunity_amount_sort_idx,
    crm_opportunity_close_date_sort_idx,
    crm_opportunity_created_at_sort_idx,
    crm_opportunity_updated_at_sort_idx,
    crm_activity_kind_sort_idx,
    crm_activity_due_at_sort_idx,
    crm_activity_done_at_sort_idx,
    crm_activity_created_at_sort_idx,
    crm_activity_updated_at_sort_idx;
