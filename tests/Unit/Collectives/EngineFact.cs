using System.ComponentModel;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace Vae.Tests.Unit.Collectives;

/// <summary>On a class of conformance tests: the engine may be missing here. Its tests then skip with the reason that <paramref name="lacks"/>' static method of this name gives.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class EngineMayLackAttribute(string lacks) : Attribute
{
    public string Lacks { get; } = lacks;

    internal static string? ReasonFor(ITestMethod method)
    {
        var type = method.TestClass.Class.ToRuntimeType();
        var mark = (EngineMayLackAttribute?)GetCustomAttribute(type, typeof(EngineMayLackAttribute));
        return mark is null ? null : (string?)type.GetMethod(mark.Lacks)!.Invoke(null, null);
    }
}

/// <summary>A fact about every engine; skipped in a class whose engine is missing.</summary>
[XunitTestCaseDiscoverer("Vae.Tests.Unit.Collectives.EngineFactDiscoverer", "Vae.Tests.Unit")]
public sealed class EngineFactAttribute : FactAttribute;

/// <summary>A theory about every engine; skipped in a class whose engine is missing.</summary>
[XunitTestCaseDiscoverer("Vae.Tests.Unit.Collectives.EngineTheoryDiscoverer", "Vae.Tests.Unit")]
public sealed class EngineTheoryAttribute : TheoryAttribute;

public sealed class EngineFactDiscoverer(IMessageSink sink) : FactDiscoverer(sink)
{
    protected override IXunitTestCase CreateTestCase(ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod, IAttributeInfo factAttribute) =>
        EngineMayLackAttribute.ReasonFor(testMethod) is { } reason
            ? new LackingCase(DiagnosticMessageSink, discoveryOptions, testMethod, reason)
            : base.CreateTestCase(discoveryOptions, testMethod, factAttribute);
}

public sealed class EngineTheoryDiscoverer(IMessageSink sink) : TheoryDiscoverer(sink)
{
    public override IEnumerable<IXunitTestCase> Discover(ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod, IAttributeInfo theoryAttribute) =>
        EngineMayLackAttribute.ReasonFor(testMethod) is { } reason
            ? [new LackingCase(DiagnosticMessageSink, discoveryOptions, testMethod, reason)]
            : base.Discover(discoveryOptions, testMethod, theoryAttribute);
}

/// <summary>A test that is not run, and why.</summary>
public sealed class LackingCase : XunitTestCase
{
    private string _reason = "";

    [Obsolete("For deserialization only."), EditorBrowsable(EditorBrowsableState.Never)]
    public LackingCase()
    {
    }

    public LackingCase(IMessageSink sink, ITestFrameworkDiscoveryOptions options, ITestMethod method, string reason)
        : base(sink, options.MethodDisplayOrDefault(), options.MethodDisplayOptionsOrDefault(), method) => _reason = reason;

    public override void Serialize(IXunitSerializationInfo data)
    {
        base.Serialize(data);
        data.AddValue("Reason", _reason);
    }

    public override void Deserialize(IXunitSerializationInfo data)
    {
        base.Deserialize(data);
        _reason = data.GetValue<string>("Reason");
    }

    protected override string GetSkipReason(IAttributeInfo factAttribute) => _reason;
}
