-- Records of the audit log about a deleted account lose what is personal: IP address, program, and names of its tokens and
-- passkeys. The ids stay.

CREATE OR REPLACE FUNCTION auth.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    forgotten auth.audit := OLD;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        forgotten.address := '';
        forgotten.user_agent := '';
        forgotten.detail := OLD.detail - 'name';
        IF NEW IS DISTINCT FROM forgotten OR EXISTS (
            SELECT FROM auth.users u
            WHERE u.id::text = coalesce(OLD.actor_id::text, OLD.target) AND u.deleted_at IS NULL
        ) THEN
            RAISE EXCEPTION 'records of the audit log are only added, and lose only personal data of deleted accounts';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.at > now() - interval '1 day' THEN
        RAISE EXCEPTION 'records of the audit log are only added, and deleted when they are older than a day';
    END IF;
    RETURN OLD;
END $$;
