-- Phones are prompted by more than one network.
alter table sandbox.prompts add column network text not null default 'mpesa';
