using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;

namespace Vae.Tests.Simulation.Host;

/// <summary>The ports of a node: what does the jobs that its actors ask for. A boot of the node makes a new one.</summary>
public interface ISimulatedJobs
{
    /// <summary>Begins a job. An exception is answered by <see cref="Signal.JobFailed"/>, as is <see cref="JobContext.Fail"/>.</summary>
    void Start(Job job, JobContext context);
}

/// <summary>How a job answers. It may be kept and used again later; answers for an actor's earlier life are dropped.</summary>
public sealed class JobContext
{
    private readonly SimulatedActor _actor;
    private readonly Job _job;
    private readonly int _life;
    private readonly int _boot;

    internal JobContext(SimulatedActor actor, Job job) => (_actor, _job, _life, _boot) = (actor, job, actor.Life, actor.Node.Boots);

    /// <summary>Who asked.</summary>
    public ActorId Owner => _actor.Self;

    /// <summary>Time since the node booted.</summary>
    public Instant Now => _actor.Node.Now;

    /// <summary>Draws from the run's seed.</summary>
    public Prng Prng => _actor.Node.Cluster.JobPrng;

    /// <summary>False once the life of the actor that asked is over.</summary>
    public bool IsAlive => IsSameProcess && _actor.IsLife(_life);

    /// <summary>Sends a message to the actor that asked, <paramref name="after"/> from now. May be called any number of times.</summary>
    public void Answer(TimeSpan after, Message message)
    {
        if (IsSameProcess) _actor.AnswerLater(after, _life, message);
    }

    /// <summary>Tells the actor that asked, <paramref name="after"/> from now, that the job threw.</summary>
    public void Fail(TimeSpan after, string text) => Answer(after, new Signal.JobFailed(_job, text));

    /// <summary>Does something on this node <paramref name="after"/> from now, unless the node dies before.</summary>
    public void Later(TimeSpan after, Action action)
    {
        if (IsSameProcess) _actor.Node.Later(after, action);
    }

    // A port that outlives its process in some other node's hands must not speak for the next one.
    private bool IsSameProcess => _actor.Node.IsAlive && _actor.Node.Boots == _boot;
}

/// <summary>Ports given as one function.</summary>
public sealed class JobsBy(Action<Job, JobContext> start) : ISimulatedJobs
{
    /// <inheritdoc/>
    public void Start(Job job, JobContext context) => start(job, context);
}
