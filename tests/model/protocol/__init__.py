"""The protocol as a small transition system: one actor a file, one rule a method of :class:`.rules.Rules`.

A step is one request to a store, or something that goes wrong; between any two of them an actor may crash, be late by
any time, or be overtaken by all others. Clocks stand in no guard: a lease may lapse whenever (attempt, beat) is as a
reaper saw it, a delay may be over at any time, and an agent never knows that it is late. So whatever holds here holds
whatever clocks say.

What is modelled: a submission in calls and its repetition, with other content too; claim, renewal, lapse by one or two
reapers, also on an index that is behind; commits of parts, in one request or as read and write, whose answers get lost;
give-backs of parts and of everything, in one write or several, also while a commit is under way; suspect bundles and
poison tasks; retries in place and with a delay; cancel, and whoever finishes it; a reader that is resumed from its
cursor; a status read log by log; hints that are lost and doubled; delete and retention, bundles without a header, and
packs that no entry names.

What is not: agents that hold several bundles and merge them into one entry (each bundle is committed by itself); stores
that forget what they wrote; more than one collector; the hour that a bundle without a header is given, which is any
time; the empty session that a client records before its first large pack, so that the pack goes with it.
"""
