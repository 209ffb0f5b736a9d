using Vae.Shared.Actors;

namespace Vae.Runtime.Actors;

/// <summary>Where the port of a job puts its answers. Safe to use from any thread.</summary>
public interface IJobReply
{
    /// <summary>Cancelled when the actor that asked has stopped or crashed: nobody waits for an answer any more.</summary>
    CancellationToken Abandoned { get; }

    /// <summary>An answer, or progress, to the actor that asked. Dropped once the job has ended or the actor is gone.</summary>
    void Post(Message message);

    /// <summary>Ends the job.</summary>
    void Complete();

    /// <summary>Ends the job: the actor gets <see cref="Signal.JobFailed"/>.</summary>
    /// <param name="text">What, where, which rule, what to do; fit for a user.</param>
    void Fail(string text);
}

/// <summary>Does one kind of work for actors: disk, tensors, sockets.</summary>
public interface IJobPort
{
    /// <summary>Begins the job and returns at once: it is called on the actor's own turn, so a wait here would hold up the actor.</summary>
    void Start(Job job, IJobReply reply);
}

/// <summary>An error whose message tells a user what, where, which rule and what to do; shown without a stack trace.</summary>
public class UserFitException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Makes ports from functions.</summary>
public static class JobPort
{
    /// <summary>A port that runs each job as a task of the thread pool. The job ends when the task does; an exception fails it.</summary>
    public static IJobPort Async<TJob>(Func<TJob, IJobReply, Task> run) where TJob : Job => new AsyncPort<TJob>(run);

    /// <summary>A port that runs each job as a task of the thread pool and posts its result.</summary>
    public static IJobPort Answering<TJob>(Func<TJob, CancellationToken, Task<Message>> run) where TJob : Job =>
        new AsyncPort<TJob>(async (job, reply) => reply.Post(await run(job, reply.Abandoned)));

    /// <summary>What a user is told of an exception: its own text where it was written for users, else its type and text.</summary>
    public static string TextOf(Exception exception) => exception switch
    {
        UserFitException or IOException or UnauthorizedAccessException or Storage.StoreException or TimeoutException => exception.Message,
        _ => $"Internal error ({exception.GetType().Name}): {exception.Message}",
    };

    private sealed class AsyncPort<TJob>(Func<TJob, IJobReply, Task> run) : IJobPort where TJob : Job
    {
        public void Start(Job job, IJobReply reply) => _ = Task.Run(() => RunAsync((TJob)job, reply));

        private async Task RunAsync(TJob job, IJobReply reply)
        {
            try
            {
                await run(job, reply);
                reply.Complete();
            }
            catch (OperationCanceledException) when (reply.Abandoned.IsCancellationRequested)
            {
                reply.Complete();
            }
            catch (Exception exception)
            {
                reply.Fail(TextOf(exception));
            }
        }
    }
}

/// <summary>The answers of one job to one life of one actor.</summary>
internal sealed class JobReply(ActorCell cell, int life, Job job, CancellationToken abandoned) : IJobReply
{
    private int _ended;

    public CancellationToken Abandoned => abandoned;

    public void Post(Message message)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (Volatile.Read(ref _ended) == 0) cell.PostAnswer(message, life);
    }

    public void Complete() => Interlocked.Exchange(ref _ended, 1);

    public void Fail(string text)
    {
        if (Interlocked.Exchange(ref _ended, 1) == 0) cell.PostAnswer(new Signal.JobFailed(job, text), life);
    }
}
