-- Which live devices bear a push token: one phone that went from hand to hand; see user/displace-devices.ts. A hash index takes
-- a text of any length and keeps no copy of it.
create index device_of_token on device using hash (push_token) where dropped_at is null;
