namespace Vae.Tests.Simulation.Runs;

/// <summary>What seldom happens and must work when it does. A run over the seeds that never gets to one of these fails: a fault that nobody met proves nothing.</summary>
internal enum Branch
{
    /// <summary>A gang goes on without a worker that it lost.</summary>
    RegroupAfterLoss,

    /// <summary>A gang goes on after two losses at once.</summary>
    RegroupAfterTwoLosses,

    /// <summary>A gang goes on with all its members: only connections between them were cut.</summary>
    RegroupWithAll,

    /// <summary>A gang goes on with a worker more.</summary>
    RegroupWithJoiner,

    /// <summary>A worker dies while the ring connects.</summary>
    LossWhileForming,

    /// <summary>A worker dies between being added to a gang and training in it.</summary>
    LossWhileJoining,

    /// <summary>The member whose state the others are to take over dies before they have it.</summary>
    SourceLost,

    /// <summary>All ranks that had done the last act are lost with it: it is done again.</summary>
    ActsLost,

    /// <summary>A member that is one act behind is brought up.</summary>
    LaggardBroughtUp,

    /// <summary>A worker that never trained in the attempt is brought up.</summary>
    JoinerBroughtUp,

    /// <summary>A gang goes on without a worker that was told to go.</summary>
    LeaverWithOthers,

    /// <summary>A worker that was told to go is alone in its gang: the pack is preempted.</summary>
    LeaverAlone,

    /// <summary>A worker was told to go, and its pack goes on elsewhere from a checkpoint.</summary>
    PreemptedResumed,

    /// <summary>A gang loses its last worker: the attempt is lost, the next one begins.</summary>
    AttemptLost,

    /// <summary>A restarted coordinator finds all members of a running gang.</summary>
    AdoptAll,

    /// <summary>A restarted coordinator finds some members of a running gang.</summary>
    AdoptSome,

    /// <summary>A restarted coordinator finds no member of a gang.</summary>
    AdoptNone,

    /// <summary>A trial begins from a checkpoint.</summary>
    ResumeFromCheckpoint,

    /// <summary>The newest checkpoint of a trial is damaged, and an older one, or none, takes its place.</summary>
    FallBackFromDamaged,

    /// <summary>A trial is filled into a gang that has been regrouped.</summary>
    RefillAfterRegroup,

    /// <summary>A trial's end is told by a rank 0 that another one was before.</summary>
    SlotEndByNewRankZero,

    /// <summary>Readings are told again by a new rank 0.</summary>
    PointsByNewRankZero,

    /// <summary>A trial is stopped in its slot.</summary>
    TrialStopped,

    /// <summary>A trial that was ordered ahead begins at the act in which the one before it in its slot ends.</summary>
    BegunFromWaiting,

    /// <summary>A trial is stopped while it waits for its slot.</summary>
    StoppedUnbegun,

    /// <summary>Trials that waited for slots behind others get a pack of their own when their attempt is lost.</summary>
    MovedFromBehind,

    /// <summary>A sweep is stopped while it runs.</summary>
    SweepCancelled,

    /// <summary>A pack that failed as a whole is halved.</summary>
    PackHalved,

    /// <summary>A trial is given up after too many losses, or fails alone.</summary>
    TrialFailed,

    /// <summary>A worker refuses what an older term orders.</summary>
    StaleTermMet,

    /// <summary>A message of an attempt that is over reaches somebody.</summary>
    StaleAttemptMet,

    /// <summary>An order to form a generation that is over reaches a replica.</summary>
    StaleGenerationMet,

    /// <summary>The store refuses a coordinator whose term is over.</summary>
    FencingRefusal,

    /// <summary>A standby takes over while the old coordinator still believes that it leads.</summary>
    TwoThatLead,

    /// <summary>The store fails at a commit.</summary>
    StoreError,

    /// <summary>A checkpoint could not be stored.</summary>
    CheckpointRefused,

    /// <summary>A worker drops readings that nobody took for too long, and says so.</summary>
    OutboxThinned,

    /// <summary>A second process of a worker's name registers, and one of the two is refused.</summary>
    DoubleRegistration,

    /// <summary>A process that was dropped by its gang is back and trains in the same attempt.</summary>
    RejoinBySameProcess,

    /// <summary>A replica that is none of the gang, such as one of another process of a member's name, reports and is sent away.</summary>
    Dismissed,

    /// <summary>A worker joins while sweeps run.</summary>
    LateJoiner,

    /// <summary>Two peers could not hear each other beyond the deadline.</summary>
    PeerSilent,

    /// <summary>A worker whose failures others do not share is not used for a while.</summary>
    Quarantine,

    /// <summary>A pack asks for no more trials because another sweep waits.</summary>
    FairShareYield,
}
