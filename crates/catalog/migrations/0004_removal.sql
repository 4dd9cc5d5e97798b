ALTER TABLE videos ADD COLUMN removal TEXT;
CREATE INDEX videos_by_removal ON videos (removal, id);
